// An application that speaks HTTP/1.1 or HTTP/2 and tells what it saw.
//
//     node origin.mjs '{ "kind": "h1" | "h2c" | "tls", "port": 0, "tls": { cert, key }, "streams": n }'
//
// "tls" offers both versions. SIGTERM ends it as an orchestrator would: GOAWAY, then what is begun.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer, createServer as createPlainServer } from 'node:http2';

const settings = JSON.parse(process.argv[2] ?? '{}');
const tell = (what) => console.log(JSON.stringify(what));

const held = [];
const waiting = [];
const seen = { sessions: 0, peak: 0, requests: 0, begun: 0, held: 0, aborted: 0 };

/** Counts, and answers those who wait for the count. */
function count(name) {
  seen[name] += 1;
  for (const entry of waiting.splice(0)) entry();
}

/** Ends `res` once `name` has been counted `n` times. */
function when(name, n, res) {
  if (seen[name] >= n) res.end(JSON.stringify(seen));
  else waiting.push(() => when(name, n, res));
}

function handle(req, res) {
  count('requests');
  const { pathname, searchParams } = new URL(req.url, 'http://origin');
  const leaves = () => res.on('close', () => res.writableEnded || count('aborted'));
  switch (pathname) {
    case '/echo':
      if (req.headers['content-length']) res.setHeader('content-length', req.headers['content-length']);
      return req.pipe(res);
    case '/trailers':
      req.resume();
      return req.on('end', () => {
        res.setHeader('trailer', 'x-sum');
        res.write('hello');
        res.addTrailers({ 'x-sum': req.trailers['x-sum'] ?? 'none' });
        res.end();
      });
    case '/never': // not even a head
      leaves();
      return count('begun');
    case '/endless': // more than anyone takes
      leaves();
      count('begun');
      for (const write = () => { while (!res.destroyed && res.write(Buffer.alloc(65536))); }; ;) {
        res.on('drain', write);
        return write();
      }
    case '/hold': // until /release
      held.push(res);
      return count('held');
    case '/release':
      for (const other of held.splice(0)) other.end('held');
      return res.end('released');
    case '/wait':
      return when(searchParams.get('for'), Number(searchParams.get('n')), res);
    case '/seen':
      return res.end(JSON.stringify(seen));
    default:
      req.resume();
      return res.end('hello');
  }
}

const options = { maxSessionMemory: 256 };
if (settings.tls) {
  options.cert = readFileSync(settings.tls.cert);
  options.key = readFileSync(settings.tls.key);
  options.allowHTTP1 = true;
}
if (settings.streams) options.settings = { maxConcurrentStreams: settings.streams };
const server = settings.tls
  ? createSecureServer(options, handle)
  : settings.kind === 'h1'
    ? createServer(handle)
    : createPlainServer(options, handle);

const sessions = new Set();
server.on('session', (session) => {
  sessions.add(session);
  session.on('close', () => sessions.delete(session));
  // A peer that resets is what some tests are about.
  session.on('error', () => {});
  let open = 0;
  session.on('stream', (stream) => {
    open += 1;
    seen.peak = Math.max(seen.peak, open);
    stream.on('close', () => (open -= 1));
    stream.on('error', () => {});
  });
  count('sessions');
});
server.on('tlsClientError', () => {});
server.listen(settings.port ?? 0, '127.0.0.1', () => tell({ listening: server.address().port }));
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections?.();
  for (const session of sessions) session.close();
});
