// A WebSocket server that gives everything back, and the page that a browser asks for.
//
//     node echo.mjs '{ "port": 0 }'
//
// The text `close CODE REASON` makes it close; `/refused` opens nothing.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const settings = JSON.parse(process.argv[2] ?? '{}');
const tell = (what) => console.log(JSON.stringify(what));
const page = readFileSync(new URL('page.html', import.meta.url));

/** Answers that wait until the page has said that it is done, or should have. */
const until = [];
const LONGEST_MS = 20_000;

const server = createServer((req, res) => {
  if (req.url === '/') return res.setHeader('content-type', 'text/html').end(page);
  if (req.url.startsWith('/api/')) return res.end(req.url.slice('/api/'.length));
  if (req.url === '/echo') return req.pipe(res);
  if (req.url === '/until') {
    setTimeout(() => res.end(), LONGEST_MS).unref();
    return until.push(res);
  }
  if (req.url === '/done') {
    for (const held of until.splice(0)) held.end();
    return res.end();
  }
  res.writeHead(404).end();
});
const sockets = new WebSocketServer({
  server,
  maxPayload: 64 << 20,
  handleProtocols: (offered) => (offered.has('echo') ? 'echo' : false),
  verifyClient: ({ req }, done) => done(req.url !== '/refused', 401, 'not you'),
});
sockets.on('connection', (socket) => {
  socket.on('error', (error) => tell({ error: error.message }));
  socket.on('close', (code, reason) => tell({ closed: code, reason: reason.toString() }));
  socket.on('message', (data, binary) => {
    const close = !binary && data.length < 100 && /^close (\d+) (.*)$/.exec(data.toString());
    if (close) socket.close(Number(close[1]), close[2]);
    else socket.send(data, { binary });
  });
});
server.listen(settings.port ?? 0, '127.0.0.1', () => tell({ listening: server.address().port }));
