// Light or dark: what the system says, until somebody chooses. Runs before the first paint.
const dark = matchMedia('(prefers-color-scheme: dark)');
const look = () => localStorage.getItem('look') ?? (dark.matches ? 'dark' : 'light');
const show = () => {
  document.documentElement.dataset.look = look();
  for (const link of document.querySelectorAll('link[data-look]')) link.media = link.dataset.look === look() ? 'all' : 'not all';
};
show();
dark.addEventListener('change', show);
document.addEventListener('click', event => {
  if (!event.target.closest('[data-action=look]')) return;
  localStorage.setItem('look', look() === 'dark' ? 'light' : 'dark');
  show();
});

// The caret, to where a problem is.
window.orchestratorGoToLine = (id, line) => {
  const area = document.getElementById(id);
  const start = area.value.split('\n').slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (area.value.slice(start).split('\n')[0] ?? '').length);
  area.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(area).lineHeight));
};
