// Judges objects by the CEL rules of a schema, as the API server does.
//
//   node cel.mjs PACKAGES < question.json        { "schema": {...}, "cases": [{ "self": {...}, "oldSelf": {...} or null }, ...] }
//
// Writes a JSON list with, for each case, the messages of the rules that it breaks. A rule about oldSelf is asked only where there is one.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const packages = resolve(process.argv[2]);
const { run } = await import(pathToFileURL(join(packages, "node_modules/@bufbuild/cel/dist/esm/index.js")));
const { strings } = await import(pathToFileURL(join(packages, "node_modules/@bufbuild/cel/dist/esm/ext/index.js")));
const { schema, cases } = JSON.parse(readFileSync(0, "utf8"));

// JavaScript has one type of number where CEL has two: the schema says which is meant.
function typed(schema, value) {
  if (value === null || value === undefined) return value;
  if (schema.type === "integer") return BigInt(value);
  if (schema.type === "array") return value.map(item => typed(schema.items, item));
  if (schema.type === "object") return new Map(Object.entries(value).map(([key, inner]) => [key, typed(schema.properties?.[key] ?? {}, inner)]));
  return value;
}

function judge(schema, self, oldSelf, broken) {
  for (const { rule, message } of schema["x-kubernetes-validations"] ?? []) {
    const isTransition = rule.includes("oldSelf");
    if (isTransition && oldSelf === undefined) continue;
    const values = { self: typed(schema, self), ...(isTransition ? { oldSelf: typed(schema, oldSelf) } : {}) };
    const verdict = run(rule, values, { funcs: strings });
    if (verdict !== true && verdict !== false) throw new Error(`${rule}: ${JSON.stringify(verdict, (_, inner) => typeof inner === "bigint" ? `${inner}` : inner)} ${verdict}`);
    if (!verdict) broken.push(message);
  }
  for (const [key, inner] of Object.entries(schema.properties ?? {}))
    if (self[key] !== undefined) judge(inner, self[key], oldSelf?.[key], broken);
}

console.log(JSON.stringify(cases.map(({ self, oldSelf }) => {
  const broken = [];
  judge(schema, self, oldSelf ?? undefined, broken);
  return broken;
})));
