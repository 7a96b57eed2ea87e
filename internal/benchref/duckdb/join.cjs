// Left join of two CSV files with DuckDB, for the comparison in bench/README.md.
//   node join.cjs MODULES THREADS LOG TABLE OUT
// MODULES is the node_modules directory that holds @duckdb/node-api. The last
// line on stderr is the time of the statement alone, in seconds: starting node
// is not DuckDB's fault.
const path = require('path');
const [modules, threads, log, table, out] = process.argv.slice(2);
const { DuckDBInstance } = require(path.join(modules, '@duckdb/node-api'));
const text = (s) => "'" + s.replaceAll("'", "''") + "'";
(async () => {
  const db = await DuckDBInstance.create(':memory:', { threads });
  const c = await db.connect();
  const start = process.hrtime.bigint();
  await c.run(`COPY (SELECT l.*, t.* EXCLUDE (domain)
    FROM read_csv(${text(log)}, header = true, all_varchar = true) l
    LEFT JOIN read_csv(${text(table)}, header = true, all_varchar = true) t ON l.domain = t.domain)
    TO ${text(out)} (HEADER, DELIMITER ',')`);
  console.error('seconds ' + Number(process.hrtime.bigint() - start) / 1e9);
  process.exit(0);
})().catch((e) => { console.error(String(e)); process.exit(1); });
