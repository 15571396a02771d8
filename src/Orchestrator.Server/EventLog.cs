using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Orchestrator.Server;

/// <summary>The log: a line an event, on standard error.</summary>
static class EventLog
{
    /// <summary>Adds it. The section <c>Logging</c> of the settings file says what is logged, as everywhere in .NET.</summary>
    public static void AddEventLog(this ILoggingBuilder logging, LogFormat format, IConfiguration settings)
    {
        logging.ClearProviders();
        logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Orleans", LogLevel.Warning).AddFilter("Grpc", LogLevel.Warning).AddFilter("Polly", LogLevel.Error);
        logging.AddFilter("Orleans.Runtime.Silo", LogLevel.Error).AddFilter("Orleans.Runtime.Watchdog", LogLevel.Error);      // what they warn of at every start is chosen, or nothing
        logging.AddFilter("Grpc.AspNetCore.Server.Model", LogLevel.Error);      // it looks for the exchange in generated code first, where it is not
        logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);      // whoever asks is answered
        logging.AddConfiguration(settings.GetSection("Logging"));
        if (format == LogFormat.Json)
        {
            logging.AddJsonConsole(json => (json.TimestampFormat, json.UseUtcTimestamp) = ("yyyy-MM-ddTHH:mm:ss.fffZ", true));
        }
        else
        {
            logging.AddConsoleFormatter<ReadableLine, ConsoleFormatterOptions>();
            logging.AddConsole(console => console.FormatterName = ReadableLine.FormatterName);
        }
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    // 21:56:45.570 info  Serving: vm serves on 127.0.0.1: …
    sealed class ReadableLine() : ConsoleFormatter(FormatterName)
    {
        public const string FormatterName = "readable";

        static readonly bool withTraces = Environment.GetEnvironmentVariable("ORCHESTRATOR_DEBUG") is { Length: > 0 } and not "0";

        public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
        {
            var level = logEntry.LogLevel switch
            {
                LogLevel.Critical => "crit ",
                LogLevel.Error => "error",
                LogLevel.Warning => "warn ",
                LogLevel.Information => "info ",
                _ => "debug",
            };
            var what = logEntry.EventId.Name ?? logEntry.Category[(logEntry.Category.LastIndexOf('.') + 1)..];
            var why = logEntry.Exception is { } e ? $" ({(withTraces ? e : Words(e))})" : "";
            textWriter.WriteLine($"{DateTime.UtcNow:HH:mm:ss.fff} {level} {what}: {(logEntry.Formatter(logEntry.State, null) + why).ReplaceLineEndings(" | ")}");
        }

        static string Words(Exception e) => $"{e.GetType().Name}: {e.Message}" + (e.InnerException is { } inner ? "; " + Words(inner) : "");
    }
}
