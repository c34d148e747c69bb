// A WebSocket client, against a proxy in front of `echo.mjs`.
//
//     node websocket.mjs '{ "urls": ["ws://...", "wss://..."], "ca": "ca.pem" }'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

const SIZES = [1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20];

const { urls, ca } = JSON.parse(process.argv[2]);
const options = { ca: readFileSync(ca), maxPayload: 64 << 20 };
for (const url of urls) {
  const socket = new WebSocket(`${url}/`, ['other', 'echo'], options);
  await once(socket, 'open');
  assert.equal(socket.protocol, 'echo');

  for (const size of SIZES) {
    for (const binary of [true, false]) {
      const sent = binary ? Buffer.alloc(size, 'evenkeel\0\xff', 'latin1') : Buffer.alloc(size, 'a');
      socket.send(sent, { binary });
      const [data, isBinary] = await once(socket, 'message');
      assert.equal(isBinary, binary);
      assert.ok(sent.equals(data), `${url}: ${size} bytes`);
    }
  }
  // All at once: as many frames as fit nowhere.
  let left = 2000;
  const all = new Promise((resolve) => {
    socket.on('message', (data) => {
      assert.equal(data.toString(), String(left));
      left -= 1;
      if (left === 0) resolve();
    });
  });
  for (let n = left; n > 0; n -= 1) socket.send(String(n));
  await all;
  socket.removeAllListeners('message');

  socket.ping('are you there');
  assert.equal((await once(socket, 'pong'))[0].toString(), 'are you there');

  socket.close(4001, 'enough');
  assert.equal((await once(socket, 'close'))[0], 4001);

  const other = new WebSocket(`${url}/`, options);
  await once(other, 'open');
  other.send('close 4002 no more');
  const [code, reason] = await once(other, 'close');
  assert.deepEqual([code, reason.toString()], [4002, 'no more']);

  const refused = new WebSocket(`${url}/refused`, options);
  const [, response] = await once(refused, 'unexpected-response');
  assert.equal(response.statusCode, 401);
  refused.on('error', () => {});
  refused.terminate();
}
