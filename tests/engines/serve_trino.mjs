// Run by judge_trino: a statement a line on standard input, what Trino's grammar says of it on standard output.
import readline from "node:readline";
import { TrinoSQL } from "dt-sql-parser";

const parser = new TrinoSQL();
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const errors = parser.validate(JSON.parse(line));
  console.log(JSON.stringify(errors.map((error) => `line ${error.startLine}: ${error.message}`)));
});
