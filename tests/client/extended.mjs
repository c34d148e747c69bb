// WebSockets over one HTTP/2 session (RFC 8441), against a proxy in front of `echo.mjs`.
//
//     node extended.mjs '{ "url": "https://...", "ca": "ca.pem" }'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Receiver, Sender } from 'ws';

const SIZES = [1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20];

const { url, ca } = JSON.parse(process.argv[2]);
const session = connect(url, { ca: ca && readFileSync(ca) });
session.on('error', (error) => assert.fail(error));
const [remote] = await once(session, 'remoteSettings');
assert.equal(remote.enableConnectProtocol, true);

const head = (path) => ({
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': new URL(url).protocol.slice(0, -1),
  ':authority': new URL(url).host,
  ':path': path,
  'sec-websocket-version': '13',
  'sec-websocket-protocol': 'echo',
  origin: url,
});

/** Opens a WebSocket on a stream. */
async function open(path) {
  const stream = session.request(head(path), { endStream: false });
  const [answer] = await once(stream, 'response');
  assert.equal(answer[':status'], 200);
  assert.equal(answer['sec-websocket-protocol'], 'echo');
  for (const name of ['sec-websocket-accept', 'upgrade', 'connection']) {
    assert.equal(answer[name], undefined, name);
  }
  const receiver = new Receiver({ isServer: false, maxPayload: 64 << 20 });
  stream.pipe(receiver);
  // Watched from the beginning: the end can come with the last frame.
  const closed = once(stream, 'close');
  return { stream, receiver, closed, sender: new Sender(stream) };
}

const frame = (binary) => ({ fin: true, binary, mask: true, compress: false });

async function converse(sizes) {
  const { stream, receiver, closed, sender } = await open('/');
  for (const size of sizes) {
    for (const binary of [true, false]) {
      const sent = Buffer.alloc(size, 'a');
      sender.send(sent, frame(binary));
      const [data, isBinary] = await once(receiver, 'message');
      assert.equal(isBinary, binary);
      assert.ok(sent.equals(data), `${size} bytes`);
    }
  }
  sender.ping(Buffer.from('are you there'), true);
  assert.equal((await once(receiver, 'pong'))[0].toString(), 'are you there');
  sender.close(4001, Buffer.from('enough'), true);
  const [code] = await once(receiver, 'conclude');
  assert.equal(code, 4001);
  // The server has closed its side with the answer; its end is the stream's.
  stream.end();
  await closed;
  assert.equal(stream.rstCode, 0);
}

await converse(SIZES);
await Promise.all(Array.from({ length: 50 }, () => converse([1, 70_000])));

// A server that closes first.
const { stream, receiver, closed, sender } = await open('/');
sender.send(Buffer.from('close 4002 no more'), frame(false));
const [code, reason] = await once(receiver, 'conclude');
assert.deepEqual([code, reason.toString()], [4002, 'no more']);
sender.close(4002, Buffer.alloc(0), true);
stream.end();
await closed;
assert.equal(stream.rstCode, 0);

/** The status of something that opens nothing. */
async function refused(fields) {
  const stream = session.request(fields, { endStream: false });
  stream.on('error', () => {});
  const [answer] = await once(stream, 'response');
  stream.resume().close();
  return answer[':status'];
}
assert.equal(await refused(head('/refused')), 401);
assert.equal(await refused({ ...head('/'), ':protocol': 'other' }), 405);
assert.equal(await refused({ ':method': 'CONNECT', ':authority': 'example.test:443' }), 405);

// The session is none the worse for it.
await converse([1]);
session.close();
