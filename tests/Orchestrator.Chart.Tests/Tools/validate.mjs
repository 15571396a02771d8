// Holds manifests against the types of Kubernetes, cert-manager and the Prometheus operator.
//
//   node validate.mjs PACKAGES < manifests.json        [{ "name": ..., "manifest": {...} }, ...]
//
// Writes a line for each thing that is wrong, and nothing if all is well. Two halves: the validators compiled from the OpenAPI definitions find what is missing and what has a
// wrong type or value, the TypeScript compiler finds keys that there are not. A kind that neither knows is wrong.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const packages = resolve(process.argv[2]);
const from = createRequire(join(packages, "package.json"));
const folder = name => join(packages, "node_modules", name);
const others = { "monitoring.coreos.com": "@kubernetes-models/prometheus-operator", "cert-manager.io": "@kubernetes-models/cert-manager" };

const wrong = [];
const known = [];
for (const { name, manifest } of JSON.parse(readFileSync(0, "utf8"))) {
  const group = manifest.apiVersion?.includes("/") ? manifest.apiVersion.split("/")[0] : "";
  const place = `${others[group] ?? "kubernetes-models"}/${manifest.apiVersion}`;
  if (!existsSync(join(folder(place), `${manifest.kind}.d.ts`))) {
    wrong.push(`${name}: no type is known of ${manifest.apiVersion} ${manifest.kind}`);
    continue;
  }
  const module = await import(pathToFileURL(join(folder(place), `${manifest.kind}.js`)));
  try {
    new module[manifest.kind](structuredClone(manifest)).validate();
  } catch (error) {
    wrong.push(...error.message.split("\n").map(line => `${name}: ${line.trim()}`));
  }
  known.push({ name, manifest, place, type: `I${manifest.kind}` });
}

// A file each, so that a mistake names its manifest.
const work = mkdtempSync(join(packages, "types-"));
try {
  known.forEach(({ manifest, place, type }, at) =>
    writeFileSync(join(work, `m${at}.ts`), `import type { ${type} } from "${place}/${manifest.kind}";\nexport const manifest: ${type} = ${JSON.stringify(manifest, null, 1)};\n`));
  writeFileSync(join(work, "tsconfig.json"), JSON.stringify({
    compilerOptions: { strict: true, noEmit: true, skipLibCheck: true, module: "nodenext", target: "es2022", types: [] }, include: ["*.ts"],
  }));
  const compiler = join(dirname(from.resolve("typescript/package.json")), "bin", "tsc");
  const checked = spawnSync(process.execPath, [compiler, "-p", work, "--pretty", "false"], { encoding: "utf8", maxBuffer: 1 << 28 });
  if (checked.error) throw checked.error;
  for (const line of checked.stdout.split("\n").filter(line => line.trim())) {
    const found = /m(\d+)\.ts\((\d+),\d+\): error TS\d+: (.*)/.exec(line);
    wrong.push(found ? `${known[found[1]].name}: ${found[3]}` : line);
  }
  if (checked.status !== 0 && wrong.length === 0) wrong.push(`tsc ended with ${checked.status}: ${checked.stderr}`);
} finally {
  rmSync(work, { recursive: true });
}
console.log(wrong.join("\n"));
