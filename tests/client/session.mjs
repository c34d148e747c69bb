// One session of Node's HTTP/2 client, against a proxy in front of `origin.mjs`.
//
//     node session.mjs '{ "url": "...", "ca": "ca.pem" }'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, constants } from 'node:http2';

const { url, ca } = JSON.parse(process.argv[2]);
// Node gives up streams whose bodies wait in more than 10 MB, by default.
const session = connect(url, { ca: ca && readFileSync(ca), maxSessionMemory: 256 });
session.on('error', (error) => assert.fail(error));

/** One request; its head, body and trailers. */
function ask(headers, body, trailers) {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined, waitForTrailers: !!trailers });
    const answer = { trailers: {} };
    const pieces = [];
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.on('response', (head) => (answer.head = head));
    stream.on('trailers', (fields) => (answer.trailers = fields));
    stream.on('data', (piece) => pieces.push(piece));
    stream.on('error', reject);
    stream.on('end', () => resolve({ ...answer, body: Buffer.concat(pieces) }));
    if (body !== undefined) stream.end(body);
  });
}
const get = (path) => ask({ ':path': path });
const json = async (path) => JSON.parse((await get(path)).body);

// Many at once, most of them with a body.
const all = Array.from({ length: 1000 }, async (_, n) => {
  if (n % 4 === 0) {
    const answer = await get('/');
    assert.equal(answer.head[':status'], 200);
    return assert.equal(answer.body.toString(), 'hello');
  }
  const body = Buffer.alloc((n * 211) % 100_000, n);
  const answer = await ask({ ':method': 'POST', ':path': '/echo' }, body);
  assert.equal(answer.head[':status'], 200);
  assert.ok(body.equals(answer.body), `body ${n}`);
});
await Promise.all(all);

// Larger than every window on the way.
const large = Buffer.alloc(8 << 20, 'evenkeel');
assert.ok(large.equals((await ask({ ':method': 'POST', ':path': '/echo' }, large)).body));

const trailers = { 'x-sum': 'abc' };
const answer = await ask({ ':method': 'POST', ':path': '/trailers', te: 'trailers' }, 'x', trailers);
assert.equal(answer.body.toString(), 'hello');
assert.equal(answer.trailers['x-sum'], 'abc');

// A stream that is given up, before its head or within its body, is given up behind the proxy too.
for (const path of ['/never', '/endless']) {
  const before = await json('/seen');
  const stream = session.request({ ':path': path });
  const closed = new Promise((resolve) => stream.on('close', resolve));
  if (path === '/endless') await new Promise((resolve) => stream.on('data', resolve));
  await json(`/wait?for=begun&n=${before.begun + 1}`);
  stream.close(constants.NGHTTP2_CANCEL);
  await closed;
  await json(`/wait?for=aborted&n=${before.aborted + 1}`);
}
assert.equal((await get('/')).body.toString(), 'hello');

session.close();
