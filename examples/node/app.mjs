// A small Node.js application to balance: plain `http`, one event loop, one file.
//
//   node app.mjs --port 3001 --name a [--warmup 200,5] [--status 500]
//
// Without them PORT and NAME of the environment count.
//
// It prints one JSON line when it listens, says its name in `X-Origin` on every answer, and drains
// on SIGTERM. README.md lists the routes.
import http from 'node:http';
import { Readable, pipeline } from 'node:stream';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: process.env.PORT ?? '0' },
    name: { type: 'string', default: process.env.NAME ?? 'node' },
    warmup: { type: 'string', default: '0,1' },
    status: { type: 'string', default: '200' },
  },
});
const [warmupRequests, warmupFactor] = options.warmup.split(',').map(Number);
const port = Number(options.port);
if (!(Number.isInteger(port) && port >= 0 && port <= 65535)) fail('--port takes 0 to 65535');
const speed = Number(process.env.SPEED ?? '1');
if (!(speed > 0)) fail('SPEED is a number above 0');
const status = Number(options.status);
if (!(Number.isInteger(status) && status >= 200 && status < 600)) fail('--status takes 200 to 599');
if (!(warmupRequests >= 0 && warmupFactor >= 1)) fail('--warmup takes N,F, as in 200,5');

// ---- routes ---------------------------------------------------------------------------------

const routes = {
  'GET /': (_query, _req, res) => json(res, 200, { name: options.name }),
  'GET /healthz': healthz,
  'GET /cpu': cpu,
  'GET /io': io,
  'GET /task': task,
  'GET /bytes': bytes,
  'POST /echo': echo,
};

function healthz(_query, _req, res) {
  if (draining) text(res, 503, 'draining\n');
  else text(res, 200, 'ok\n');
}

let warm = 0; // answers of /cpu so far

function cpu(query, _req, res) {
  const asked = whole(query, 'ms', 5, 60_000);
  const cold = warm < warmupRequests ? 1 - warm / warmupRequests : 0;
  warm += 1;
  const ms = asked * (1 + (warmupFactor - 1) * cold);
  if (query.has('wait')) {
    hold(ms);
  } else {
    spend(ms);
  }
  json(res, 200, { name: options.name, ms });
}

// Computes until this process has used `ms` of processor time: on a busy machine that takes longer
// by the clock, as real work would.
function spend(ms) {
  const start = process.cpuUsage();
  let x = 1;
  for (;;) {
    for (let i = 0; i < 2000; i += 1) x = Math.imul(x, 1664525) + 1013904223;
    const used = process.cpuUsage(start);
    if ((used.user + used.system) / 1000 >= ms) return x;
  }
}

function io(query, _req, res) {
  const ms = whole(query, 'ms', 20, 600_000);
  setTimeout(() => json(res, 200, { name: options.name, ms }), ms);
}

// What a scenario of `evenkeel sim live` drew for this request: half of the computing, a wait, the
// other half. It holds the loop without a processor, so that many servers share one machine.
async function task(_query, req, res) {
  const ms = (name) => (Number(req.headers[name]) || 0) / 1e6;
  const [cpu, wait] = [ms('x-evenkeel-cpu-ns') / speed, ms('x-evenkeel-io-ns')];
  hold(wait > 0 ? cpu / 2 : cpu);
  if (wait > 0) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    hold(cpu / 2);
  }
  json(res, 200, { name: options.name, cpu, wait });
}

const cell = new Int32Array(new SharedArrayBuffer(4));

function hold(ms) {
  if (ms > 0) Atomics.wait(cell, 0, 0, ms);
}

function bytes(query, _req, res) {
  const n = whole(query, 'n', 1000, 2 ** 40);
  const seed = whole(query, 'seed', 7, 2 ** 32 - 1);
  res.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': n });
  pipeline(Readable.from(pieces(n, seed), { objectMode: true, highWaterMark: 1 }), res, () => {});
}

// The top byte of each state of the generator s = 1664525 s + 1013904223 mod 2^32 (Knuth; the
// constants are of Numerical Recipes), so that a client that knows the seed can check every byte.
function* pieces(n, seed) {
  let s = seed | 0;
  for (let left = n; left > 0; ) {
    const piece = Buffer.allocUnsafe(Math.min(left, 16_384));
    for (let i = 0; i < piece.length; i += 1) {
      s = (Math.imul(s, 1664525) + 1013904223) | 0;
      piece[i] = s >>> 24;
    }
    left -= piece.length;
    yield piece;
  }
}

function echo(_query, req, res) {
  res.writeHead(200, { 'Content-Type': req.headers['content-type'] ?? 'application/octet-stream' });
  pipeline(req, res, () => {});
}

// ---- answers --------------------------------------------------------------------------------

class BadQuery extends Error {}

function whole(query, key, absent, most) {
  const given = query.get(key);
  if (given === null) return absent;
  const n = Number(given);
  if (given === '' || !Number.isInteger(n) || n < 0 || n > most) {
    throw new BadQuery(`${key} takes a whole number from 0 to ${most}`);
  }
  return n;
}

function json(res, status, value) {
  send(res, status, 'application/json', `${JSON.stringify(value)}\n`);
}

function text(res, status, value) {
  send(res, status, 'text/plain; charset=utf-8', value);
}

function send(res, status, type, body) {
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

function answer(req, res) {
  res.setHeader('X-Origin', options.name);
  if (draining) res.setHeader('Connection', 'close');
  const [path, query = ''] = req.url.split('?', 2);
  const method = req.method === 'HEAD' ? 'GET' : req.method;
  const route = `${method} ${path.startsWith('/task/') ? '/task' : path}`;
  if (status !== 200 && path !== '/healthz') return text(res, status, 'not today\n');
  if (!Object.hasOwn(routes, route)) return text(res, 404, `nothing at ${req.method} ${path}\n`);
  try {
    routes[route](new URLSearchParams(query), req, res);
  } catch (error) {
    if (!(error instanceof BadQuery)) throw error;
    text(res, 400, `${error.message}\n`);
  }
}

// ---- life -----------------------------------------------------------------------------------

let draining = false;
const latest = new Map(); // open socket -> its latest response, null before the first request

const server = http.createServer((req, res) => {
  latest.set(req.socket, res);
  res.on('finish', () => {
    // A head that went out before the drain promised to keep the connection: it ends here, without
    // waiting for the other side to close as well.
    if (draining && latest.get(req.socket) === res) req.socket.destroySoon();
  });
  answer(req, res);
});
server.on('connection', (socket) => {
  latest.set(socket, null);
  socket.on('close', () => latest.delete(socket));
});
server.on('error', (error) => fail(error.message));
server.listen(port, '127.0.0.1', () => {
  const listening = server.address().port;
  process.stdout.write(`${JSON.stringify({ listening, name: options.name, pid: process.pid })}\n`);
});

// `closeIdleConnections` leaves alone a connection that has never sent a request, which would hold
// the process for as long as Node waits for a head (60 s): hence the book of sockets.
process.on('SIGTERM', () => {
  draining = true;
  server.close();
  for (const [socket, res] of latest) {
    if (res === null || res.writableFinished) socket.destroy();
    else if (!res.headersSent) res.setHeader('Connection', 'close');
  }
});

function fail(message) {
  process.stderr.write(`app.mjs: ${message}\n`);
  process.exit(1);
}
