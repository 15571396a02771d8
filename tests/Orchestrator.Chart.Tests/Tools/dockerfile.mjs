// Reads a Dockerfile.
//
//   node dockerfile.mjs PACKAGES < text.json        { "text": "FROM ..." }
//
// Writes a JSON list of its instructions, in order: [{ "keyword": "RUN", "arguments": "dotnet publish ..." }, ...]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const { DockerfileParser } = createRequire(join(resolve(process.argv[2]), "package.json"))("dockerfile-ast");
const file = DockerfileParser.parse(JSON.parse(readFileSync(0, "utf8")).text);
console.log(JSON.stringify(file.getInstructions().map(instruction => ({ keyword: instruction.getKeyword(), arguments: instruction.getArgumentsContent() ?? "" }))));
