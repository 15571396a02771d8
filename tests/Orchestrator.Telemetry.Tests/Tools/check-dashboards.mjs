// Type-checks dashboards against Grafana's own schema, and parses their queries with Prometheus' own grammar.
// usage: node check-dashboards.mjs PACKAGES DASHBOARD…
import { readFileSync, writeFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join, basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tmpdir } from 'node:os';

const [packages, ...dashboards] = process.argv.slice(2);
const { parser } = await import(pathToFileURL(join(packages, 'node_modules/@prometheus-io/lezer-promql/dist/index.es.js')));
const folder = mkdtempSync(join(tmpdir(), 'dashboards-'));
const problems = [];

// Enums are written as their values: in JSON there is nothing else.
const head = `
import type { Dashboard, Panel, VariableModel, AnnotationQuery, DashboardLink, RowPanel, FieldConfig } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
type Plain<T> = T extends string ? \`\${T}\` : T extends number ? (\`\${T}\` extends \`\${infer N extends number}\` ? N : number) : T extends boolean | null | undefined ? T
  : T extends readonly (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Target = { refId: string; datasource: { type: 'prometheus'; uid: string }; expr: string; legendFormat: string; editorMode: 'code'; range?: boolean; instant?: boolean; format?: 'table' };
type Ask = AnnotationQuery & { expr: string; titleFormat: string; textFormat: string; step: string; useValueForTime: boolean };
`;

function literal(value) { return JSON.stringify(value, null, 1); }

for (const file of dashboards) {
  const { panels, templating, annotations, links, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  const lines = [head, `export const dashboard: Plain<Omit<Dashboard, 'panels' | 'templating' | 'annotations' | 'links'>> = ${literal(rest)};`];
  templating.list.forEach((it, i) => lines.push(`export const variable${i}: Plain<VariableModel> & { definition?: string; label?: string } = ${literal(it)};`));
  annotations.list.forEach((it, i) => lines.push(`export const annotation${i}: Plain<Ask> = ${literal(it)};`));
  links.forEach((it, i) => lines.push(`export const link${i}: Plain<DashboardLink> = ${literal(it)};`));
  const kinds = new Set();
  for (const panel of panels) {
    if (panel.type === 'row') {
      lines.push(`export const panel${panel.id}: Plain<RowPanel> = ${literal(panel)};`);
      continue;
    }
    const { options, fieldConfig, targets, ...of } = panel;
    const { custom, ...defaults } = fieldConfig.defaults;
    kinds.add(panel.type);
    lines.push(`export const panel${panel.id}: Plain<Omit<Panel, 'options' | 'fieldConfig' | 'targets'>> = ${literal(of)};`);
    lines.push(`export const panel${panel.id}Defaults: Plain<Omit<FieldConfig, 'custom'>> = ${literal(defaults)};`);
    lines.push(`export const panel${panel.id}Options: Plain<${panel.type}.Options> = ${literal(options)};`);
    lines.push(`export const panel${panel.id}Targets: Target[] = ${literal(targets)};`);
    if (custom) lines.push(`export const panel${panel.id}Custom: Plain<${panel.type}.FieldConfig> = ${literal(custom)};`);
    for (const target of targets) {
      const tree = parser.parse(target.expr.replaceAll('$__rate_interval', '5m').replaceAll('$__interval', '1m'));
      tree.iterate({ enter: node => { if (node.type.isError) problems.push(`${basename(file)}: ${panel.title}: ${target.expr.slice(0, node.from)}⟨here⟩${target.expr.slice(node.from)}`); } });
    }
  }
  const imports = [...kinds].map(kind => `import type * as ${kind.replace('-', '')} from './node_modules/@grafana/schema/dist/types/raw/composable/${kind.replace('-', '')}/panelcfg/x/types.gen';`);
  writeFileSync(join(folder, basename(file, '.json') + '.ts'), imports.join('\n') + lines.join('\n').replaceAll('Plain<state-timeline.', 'Plain<statetimeline.'));
}
symlinkSync(join(packages, 'node_modules'), join(folder, 'node_modules'));
const checked = spawnSync(join(packages, 'node_modules/.bin/tsc'), ['--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2022',
  ...dashboards.map(file => basename(file, '.json') + '.ts')], { cwd: folder, encoding: 'utf8' });
if (checked.status !== 0) problems.push(checked.stdout + checked.stderr);
if (!process.env.KEEP) rmSync(folder, { recursive: true }); else console.log(folder);
console.log(problems.join('\n'));
process.exit(problems.length ? 1 : 0);
