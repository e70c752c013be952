// Measure a library as it is used, in one process: node library.mjs LIBRARY enqueue|claim|idle BATCH CLIENTS
// Prints jobs per second, or for idle the median and the 99th percentile of microseconds from enqueue to handler.
// For BullMQ also: fill COUNT. The jobs that a claim works off were put there before.
import { setTimeout as sleep } from 'node:timers/promises';

const [library, action, first = '1', second = '1'] = process.argv.slice(2);
const batch = Number(first);
const clients = Number(second);
const payload = JSON.parse(process.env.PAYLOAD);
const seconds = Number(process.env.SECONDS_EACH);
const samples = Number(process.env.IDLE_SAMPLES);
const now = () => performance.now();

// Count what is done. The clock starts with the first jobs done, which are not counted, and anew when the code is warm; it
// stops with the last job. A run too short to get warm counts from the first.
class Meter {
  #made = now(); #first = null; #warm = null; #last = null; #done = 0; #doneWhenWarm = 0;

  add(count) {
    this.#last = now();
    if (this.#first === null) {
      this.#first = this.#last;
      return;
    }
    this.#done += count;
    if (this.#warm === null && this.#last - this.#first > 300) [this.#warm, this.#doneWhenWarm] = [this.#last, this.#done];
  }

  get over() { return this.#first !== null && now() - this.#first > 300 + seconds * 1000; }
  get quiet() { return this.#last === null ? now() - this.#made > 10000 : now() - this.#last > 1000; }

  rate() {
    const warm = this.#warm !== null && this.#last - this.#warm > 100;
    const done = this.#done - (warm ? this.#doneWhenWarm : 0);
    if (done === 0) throw new Error('nothing was done');
    return Math.round(done / (this.#last - (warm ? this.#warm : this.#first)) * 1000);
  }
}

// Wait until the time is over, or the jobs.
async function watch(meter) {
  while (!meter.over && !meter.quiet) await sleep(5);
}

const loops = (count, body) => Promise.all(Array.from({ length: count }, (_, i) => body(i)));

async function pgPool(max) {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ max });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {})); // graphile-worker asks for both
  return pool;
}

// A library gives: enqueue(client) one job, enqueueMany(client, count), consume(meter) until it is over, listen(handler)
// for idle, close().
const libraries = {
  // The bare round trip: NOTIFY on one connection, received on another.
  async floor() {
    const pool = await pgPool(2);
    return {
      enqueue: () => pool.query('NOTIFY bench'),
      async listen(handler) {
        const listener = await pool.connect();
        listener.on('notification', handler);
        await listener.query('LISTEN bench');
      },
    };
  },

  // A textbook worker: sleeps in LISTEN, claims one, completes it.
  async textbook() {
    const pool = await pgPool(3);
    const send = { name: 'send', text: "SELECT enqueue($1), pg_notify('bench', '')", values: [JSON.stringify(payload)] };
    return {
      enqueue: () => pool.query(send),
      async listen(handler) {
        const listener = await pool.connect();
        listener.on('notification', async () => {
          const { rows } = await pool.query({ name: 'claim', text: 'SELECT id, payload FROM claim(1)' });
          if (rows.length === 0) return;
          handler();
          await pool.query({ name: 'complete', text: 'SELECT complete($1)', values: [rows.map(({ id }) => id)] });
        });
        await listener.query('LISTEN bench');
      },
    };
  },

  async 'pg-boss'() {
    const { PgBoss } = await import('pg-boss');
    const boss = new PgBoss({ supervise: false, schedule: false, max: clients + 1, useListenNotify: action === 'idle' });
    boss.on('error', (error) => console.error(error.message));
    await boss.start();
    const queue = action === 'idle' ? 'idle' : 'bench';
    if (action === 'idle') await boss.createQueue(queue, { notify: true });
    return {
      enqueue: () => boss.send(queue, payload),
      enqueueMany: (_, count) => boss.insert(queue, Array.from({ length: count }, () => ({ data: payload }))),
      consume: (meter) => loops(clients, async () => {
        while (!meter.over) {
          const jobs = await boss.fetch(queue, { batchSize: batch });
          if (jobs.length === 0) return;
          await boss.complete(queue, jobs);
          meter.add(jobs.length);
        }
      }),
      listen: (handler) => boss.work(queue, async () => handler()),
      close: () => boss.stop({ graceful: false }),
    };
  },

  async 'graphile-worker'() {
    const { makeWorkerUtils, run, Logger } = await import('graphile-worker');
    const logger = new Logger(() => () => {}); // by default it writes a line for each job
    const pool = await pgPool(clients * 3 + 2);
    const utils = await makeWorkerUtils({ pgPool: pool, logger });
    const runners = [];
    const start = async (handler, worker) => runners.push(await run({
      pgPool: pool, logger, noHandleSignals: true, crontab: '', taskList: { bench: handler }, preset: { worker },
    }));
    return {
      enqueue: () => utils.addJob('bench', payload),
      enqueueMany: (_, count) => utils.addJobs(Array.from({ length: count }, () => ({ identifier: 'bench', payload }))),
      // Batches: as its own performance test does it, a pool a consumer. One by one: one pool of so many.
      async consume(meter) {
        const handler = async () => meter.add(1);
        if (batch === 1) await start(handler, { concurrentJobs: clients });
        else await loops(clients, () => start(handler,
          { concurrentJobs: 24, localQueue: { size: batch }, completeJobBatchDelay: 0 }));
        await watch(meter);
      },
      listen: (handler) => start(async () => handler(), { concurrentJobs: 1 }),
      async close() {
        await Promise.all(runners.map((runner) => runner.stop().catch(() => {})));
        await utils.release();
      },
    };
  },

  async bullmq() {
    const { Queue, Worker } = await import('bullmq');
    const connection = { path: process.env.REDIS_SOCKET, maxRetriesPerRequest: null };
    const options = { removeOnComplete: true };
    const queues = Array.from({ length: clients }, () => new Queue('bench', { connection }));
    const workers = [];
    const start = async (handler, concurrency) => {
      const worker = new Worker('bench', handler, { connection, concurrency });
      worker.on('error', (error) => console.error(error.message));
      workers.push(worker);
      await worker.waitUntilReady();
    };
    await Promise.all(queues.map((queue) => queue.waitUntilReady()));
    return {
      enqueue: (client) => queues[client].add('job', payload, options),
      enqueueMany: (client, count) =>
        queues[client].addBulk(Array.from({ length: count }, () => ({ name: 'job', data: payload, opts: options }))),
      // It fetches one job a call; a batch is so many at a time in one worker.
      async consume(meter) {
        await loops(clients, () => start(async () => meter.add(1), batch));
        await watch(meter);
      },
      listen: (handler) => start(async () => handler(), 1),
      // The process ends right after: what was claimed and not completed is cleared before the next run.
      close: () => Promise.all(workers.map((worker) => worker.close(true))),
    };
  },
};

const tested = await libraries[library]();

async function enqueue() {
  const meter = new Meter();
  await loops(clients, async (client) => {
    while (!meter.over) {
      await (batch === 1 ? tested.enqueue(client) : tested.enqueueMany(client, batch));
      meter.add(batch);
    }
  });
  return meter.rate();
}

async function claim() {
  const meter = new Meter();
  await tested.consume(meter);
  return meter.rate();
}

async function idle() {
  let arrived = () => {};
  await tested.listen(() => arrived(now()));
  await sleep(300);
  const taken = [];
  for (let i = 0; i < samples + 5; i++) {
    const arrival = new Promise((resolve, reject) => {
      arrived = resolve;
      setTimeout(() => reject(new Error('not picked up in 10 s')), 10000).unref();
    });
    const start = now();
    await Promise.all([arrival, tested.enqueue(0)]);
    taken.push(Math.round((await arrival - start) * 1000));
    await sleep(15 + Math.random() * 10);
  }
  const sorted = taken.slice(5).sort((a, b) => a - b); // the first ones plan and compile
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return `${at(0.5)} ${at(0.99)}`;
}

async function fill() {
  for (let left = batch; left > 0; left -= 1000) await tested.enqueueMany(0, Math.min(left, 1000));
}

const actions = { enqueue, claim, idle, fill };
const result = await actions[action]();
if (typeof result === 'number' || typeof result === 'string') console.log(result);
// Libraries may hold timers and connections open.
await Promise.race([tested.close?.(), sleep(2000)]);
process.exit(0);
