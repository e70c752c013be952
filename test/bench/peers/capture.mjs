// Print a peer's SQL, as its library sends it, in the sections that measure.sh runs: node capture.mjs pg-boss|graphile-worker
// Installs the library's schema into PGDATABASE on the way. Only the shape around the statements is ours: the rows of a
// claim are gathered into one, as pgbench reads one.
import pg from 'pg';

const name = process.argv[2];
const payload = JSON.parse(process.env.PAYLOAD);

// Every statement of every connection passes here.
let seen = [];
const query = pg.Client.prototype.query;
pg.Client.prototype.query = function (...args) {
  const [first, second] = args;
  if (typeof first === 'string') seen.push({ text: first, values: second });
  else if (first?.text) seen.push({ text: first.text, values: first.values });
  return query.apply(this, args);
};

const pool = new pg.Pool();
pool.on('error', () => {});
pool.on('connect', (client) => client.on('error', () => {})); // graphile-worker asks for both

// The statement that contains all the given words, while `action` runs.
async function capture(action, ...words) {
  seen = [];
  const result = await action();
  const statement = seen.find(({ text }) => words.every((word) => text.includes(word)));
  if (!statement) throw new Error(`${name}: no statement with ${words.join(', ')} was sent`);
  return { ...statement, text: statement.text.trim().replace(/;$/, ''), result };
}

// Put expressions for $1, $2 ...
const bind = (text, ...expressions) => text.replace(/\$(\d+)/g, (_, number) => expressions[number - 1]);

// Keep a value too long for pgbench's command line in a setting of the database; its expression.
async function keep(setting, value) {
  const database = pg.escapeIdentifier(process.env.PGDATABASE);
  await pool.query(`ALTER DATABASE ${database} SET ${setting} = ${pg.escapeLiteral(value)}`);
  return `current_setting('${setting}')`;
}

// A data-changing WITH may stand at the top only: turn the last UPDATE of a statement that has one into a member of it.
function gather(text, select) {
  const at = text.lastIndexOf('\n  update ');
  if (at < 0) throw new Error(`${name}: the claim has another shape than expected`);
  const update = text.slice(at).replace(/returning \*\s*$/, 'returning jobs.*'); // not the columns of its FROM
  return `${text.slice(0, at)},\nclaimed as (${update})\n${select} \\gset`;
}

const stopWhenEmpty = '\\if :claimed = 0\nSELECT 1 / 0;\n\\endif';

// Sections whose batch size stands in the statement: the driver's @n@ replaces the limit that was captured.
const limitOf = (text) => text.replace(/limit 100\b/i, 'limit @n@');

async function boss() {
  const { PgBoss } = await import('pg-boss');
  const one = new PgBoss({ supervise: false, schedule: false, max: 2 });
  one.on('error', (error) => console.error(error.message));
  await one.start();
  await one.createQueue('bench');
  const many = Array.from({ length: 1000 }, () => ({ data: payload }));
  const send = await capture(() => one.send('bench', payload), 'INSERT INTO', 'json_to_recordset');
  const insert = await capture(() => one.insert('bench', many), 'INSERT INTO', 'json_to_recordset');
  const fetch = await capture(() => one.fetch('bench', { batchSize: 100 }), 'SKIP LOCKED', 'LIMIT 100');
  const complete = await capture(() => one.complete('bench', fetch.result), "state = 'completed'");
  await one.stop({ graceful: false });
  const table = 'pgboss.job_common';
  const bulk = `(SELECT json_agg(json_build_object('data', :'payload'::json))::text FROM generate_series(1, :n))`;
  return {
    protocol: 'extended', // its statements have no name, so the server plans each anew
    clear: `TRUNCATE ${table} CASCADE;`,
    fill: `${bind(insert.text, bulk)};`,
    waiting: `SELECT count(*) FROM ${table} WHERE state < 'active';`,
    enqueue: `${bind(send.text, await keep('bench.one', send.values[0]))};`,
    enqueue_many: `${bind(insert.text, await keep('bench.many', insert.values[0]))};`,
    claim: `WITH claimed AS (\n${limitOf(fetch.text)}\n)\nSELECT count(*) AS claimed, count(data), array_agg(id) AS ids,`
      + ` array_agg(id::text || ':' || "retryCount") AS attempts FROM claimed \\gset\n${stopWhenEmpty}\n`
      + `${bind(complete.text, "'bench'", ':ids', 'NULL', ':attempts')};`,
  };
}

async function graphile() {
  const { makeWorkerUtils, run, Logger } = await import('graphile-worker');
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  await utils.migrate();
  const addJob = await capture(() => utils.addJob('bench', payload), '.add_job(');
  const specs = Array.from({ length: 1000 }, () => ({ identifier: 'bench', payload }));
  const addJobs = await capture(() => utils.addJobs(specs), '.add_jobs(');
  // One pool that fetches and completes in batches, then one that does each alone, as without options.
  const ran = [];
  let done = 0;
  for (const [worker, until] of [[{ concurrentJobs: 4, localQueue: { size: 100 }, completeJobBatchDelay: 0 }, 1001],
    [{ concurrentJobs: 1 }, 1002]]) {
    if (until === 1002) await utils.addJob('bench', payload);
    seen = [];
    const runner = await run({
      pgPool: pool, logger, noHandleSignals: true, crontab: '', preset: { worker },
      taskList: { bench: async () => { done++; } },
    });
    while (done < until) await new Promise((resolve) => setTimeout(resolve, 20));
    await runner.stop();
    ran.push(seen);
  }
  await utils.release();
  const find = (statements, ...words) => {
    const statement = statements.find(({ text }) => words.every((word) => text.includes(word)));
    if (!statement) throw new Error(`${name}: no statement with ${words.join(', ')} was sent`);
    return statement;
  };
  const get = find(ran[0], 'limit 100', 'skip locked');
  const complete = find(ran[0], 'delete from', 'unnest(');
  const getOne = find(ran[1], 'limit 1\n', 'skip locked');
  const completeOne = find(ran[1], 'delete from', '= $1');
  const task = get.values[1].join(',');
  const list = `(SELECT json_agg(json_build_object('identifier', 'bench', 'payload', :'payload'::json))`
    + ' FROM generate_series(1, :n))';
  const claim = (text, ids, completing) => `${gather(bind(text, "'bench'", `'{${task}}'`),
    `SELECT count(*) AS claimed, count(payload), ${ids} AS ids FROM claimed`)}\n${stopWhenEmpty}\n`
    + `${bind(completing, ':ids')};`;
  const counted = (text) => `SELECT count(*) FROM (${text}) AS added;`;
  return {
    protocol: 'prepared',
    clear: 'TRUNCATE graphile_worker._private_jobs RESTART IDENTITY;',
    fill: counted(bind(addJobs.text, list, 'NULL')),
    waiting: 'SELECT count(*) FROM graphile_worker._private_jobs WHERE is_available;',
    enqueue: `${bind(addJob.text, "'bench'", ':payload', ...Array(7).fill('NULL'))};`,
    enqueue_many: counted(bind(addJobs.text, await keep('bench.many', addJobs.values[0]), 'NULL')),
    claim: claim(limitOf(get.text), 'array_agg(id)', complete.text),
    claim_one: claim(getOne.text, 'max(id)', completeOne.text),
  };
}

const { protocol, ...sections } = await { 'pg-boss': boss, 'graphile-worker': graphile }[name]();
await pool.end();
console.log(`-- peer: ${name}, its SQL\n-- protocol: ${protocol}`);
for (const [section, text] of Object.entries(sections)) console.log(`\n-- @${section}\n${text}`);
