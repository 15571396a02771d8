// One socket and nothing before it: whichever of several servers takes it, has all that it needs.
Blazor.start({ circuit: { configureSignalR: builder => builder.withUrl('/_blazor', { skipNegotiation: true, transport: 1 }) } });
