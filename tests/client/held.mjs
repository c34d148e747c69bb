// Many WebSockets held open, against a proxy in front of `echo.mjs`. Each SIGUSR2 makes every one
// of them echo once more.
//
//     node held.mjs '{ "urls": ["ws://...", "wss://..."], "each": 500, "ca": "ca.pem" }'
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

/** Opened at the same time; more would only wait in the kernel. */
const AT_ONCE = 50;

const { urls, each, ca } = JSON.parse(process.argv[2]);
const tell = (what) => console.log(JSON.stringify(what));
const options = { ca: readFileSync(ca) };
const sockets = [];
const closed = {};
let round = 0;

async function open(url) {
  const socket = new WebSocket(url, options);
  await once(socket, 'open');
  sockets.push(socket);
  socket.on('error', () => {});
  socket.on('close', (code) => {
    closed[code] = (closed[code] ?? 0) + 1;
    const count = Object.values(closed).reduce((sum, n) => sum + n, 0);
    if (count === sockets.length) tell({ closed });
  });
}

async function echo() {
  round += 1;
  const all = sockets.map(async (socket, n) => {
    socket.send(`${round} ${n}`);
    const [data] = await once(socket, 'message');
    return data.toString() === `${round} ${n}`;
  });
  const right = (await Promise.all(all)).filter((same) => same).length;
  tell({ echoed: right });
}

for (const url of urls) {
  for (let n = 0; n < each; n += AT_ONCE) {
    const some = Math.min(AT_ONCE, each - n);
    await Promise.all(Array.from({ length: some }, () => open(url)));
  }
}
process.on('SIGUSR2', echo);
tell({ open: sockets.length });
