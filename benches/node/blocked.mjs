// `event_loop` against `least_request` before real Node.js processes that one route blocks.
//
//   cargo build --release && node benches/node/blocked.mjs [--binary target/release/evenkeel]
//     [--rounds 6] [--requests 4000] [--load 0.6] [--processes 4] [--light '/io?ms=20']
//
// Four processes of examples/node and one `evenkeel serve` for each policy. One request in twenty
// holds its event loop for 100 ms (`Atomics.wait`: no processor is needed, so two cores suffice);
// the others wait 20 ms on a timer, and so come to the loop twice; or, with `--light /`, once. Requests
// come at random times, whether or not earlier ones are
// answered, and are timed from when they were due. Rounds take turns and have the same requests for
// every policy; the first two are for learning and not counted. Prints a line of JSON for each
// round, and at last the ratios of event_loop to least_request: geometric means over rounds, and
// their least and most.
import { spawn } from 'node:child_process';
import http from 'node:http';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const root = new URL('../..', import.meta.url).pathname;
const { values: options } = parseArgs({
  options: {
    binary: { type: 'string', default: join(root, 'target/release/evenkeel') },
    rounds: { type: 'string', default: '6' },
    requests: { type: 'string', default: '4000' },
    load: { type: 'string', default: '0.6' },
    processes: { type: 'string', default: '4' },
    light: { type: 'string', default: '/io?ms=20' },
  },
});
const [rounds, requests, load, processes] = ['rounds', 'requests', 'load', 'processes'].map((key) =>
  Number(options[key]),
);
const HEAVY = { share: 0.05, ms: 100, path: '/cpu?ms=100&wait=1' };
const POLICIES = ['least_request', 'event_loop', '{ name = "event_loop", spare = 0.0 }'];
const LEARNING = 2;

const children = [];
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

// Starts a program and waits for a line of JSON that `is` what is wanted.
async function start(command, args, is) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const value = line.startsWith('{') ? JSON.parse(line) : {};
    if (is(value)) {
      child.stdout.resume();
      return value;
    }
  }
  throw new Error(`${command} ended`);
}

async function proxy(policy, ports) {
  const named = policy.startsWith('{') ? policy : `"${policy}"`;
  const endpoints = ports.map((port) => `{ address = "127.0.0.1:${port}" }`);
  const file = join(mkdtempSync(join(tmpdir(), 'blocked-')), 'evenkeel.toml');
  writeFileSync(
    file,
    `[server]
workers = 1
[[listener]]
name = "http"
address = "127.0.0.1:0"
[[route]]
path = "/"
pool = "app"
[[pool]]
name = "app"
policy = ${named}
endpoints = [${endpoints.join(', ')}]
idle = { per_worker = 256, timeout = "4s" }
`,
  );
  const told = await start(options.binary, ['serve', '-c', file], (value) => value.listener === 'http');
  return Number(told.address.split(':').pop());
}

// Mulberry32: the same round has the same requests under every policy.
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function one(agent, port, path, due) {
  return new Promise((resolve, reject) => {
    const request = http.get({ agent, port, path, host: '127.0.0.1' }, (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(performance.now() - due)
          : reject(new Error(`${path}: ${response.statusCode}`)),
      );
    });
    request.on('error', reject);
  });
}

async function round(number, port) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
  const draw = random(number);
  const rate = (processes * load) / (HEAVY.share * HEAVY.ms);
  const [light, heavy] = [[], []];
  const pending = [];
  let due = performance.now();
  for (let n = 0; n < requests; n += 1) {
    due += -Math.log(1 - draw()) / rate;
    const isHeavy = draw() < HEAVY.share;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const took = one(agent, port, isHeavy ? HEAVY.path : options.light, due);
    pending.push(took.then((ms) => (isHeavy ? heavy : light).push(ms)));
  }
  await Promise.all(pending);
  agent.destroy();
  const p99 = (list) => list.sort((a, b) => a - b)[Math.floor(list.length * 0.99)];
  const all = [...light, ...heavy];
  const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length;
  return { light_p99_ms: p99(light), heavy_p99_ms: p99(heavy), mean_ms: mean };
}

const app = join(root, 'examples/node/app.mjs');
const nodes = Array.from({ length: processes }, (_, n) =>
  start('node', [app, '--name', `n${n}`], (value) => value.listening),
);
const ports = (await Promise.all(nodes)).map((told) => told.listening);
const proxies = [];
for (const policy of POLICIES) proxies.push(await proxy(policy, ports));

const ratios = new Map();
for (let number = 1; number <= LEARNING + rounds; number += 1) {
  const results = [];
  for (let k = 0; k < POLICIES.length; k += 1) {
    // Who begins goes round, too.
    const at = (k + number) % POLICIES.length;
    results[at] = await round(number, proxies[at]);
    console.log(JSON.stringify({ round: number, policy: POLICIES[at], ...results[at] }));
  }
  if (number <= LEARNING) continue;
  for (let at = 1; at < POLICIES.length; at += 1) {
    for (const [name, ms] of Object.entries(results[at])) {
      const key = `${POLICIES[at]} ${name.replace('_ms', '')}`;
      if (!ratios.has(key)) ratios.set(key, []);
      ratios.get(key).push(ms / results[0][name]);
    }
  }
}
for (const [key, list] of ratios) {
  const mean = Math.exp(list.reduce((sum, ratio) => sum + Math.log(ratio), 0) / list.length);
  const [least, most] = [Math.min(...list), Math.max(...list)];
  console.log(`${key}: ${mean.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`);
}
process.exit(0);
