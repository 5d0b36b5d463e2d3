// Calls functions of convlib/labs/static/math, one a line: {module, function, args} on stdin, and
// {result}, {rule: the sentence of a RuleError} or {error} on stdout. A function may be a path,
// "activations.relu.value", or lead to a value. JSON has neither NaN nor infinity: they travel as
// words, both ways.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = pathToFileURL(`${process.argv[2]}/`);
const words = { NaN, Infinity, "-Infinity": -Infinity };
const revive = (_, value) => (typeof value === "string" ? (words[value] ?? value) : value);
const replace = (_, value) =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

async function call({ module, function: path, args }) {
  const exports = await import(new URL(`${module}.js`, folder));
  const found = path.split(".").reduce((at, name) => at[name], exports);
  return typeof found === "function" ? found(...args) : found;
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = { result: await call(JSON.parse(line, revive)) };
  } catch (error) {
    reply = error.name === "RuleError" ? { rule: error.message } : { error: String(error.stack) };
  }
  console.log(JSON.stringify(reply, replace));
}
