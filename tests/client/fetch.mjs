// `fetch`, against a proxy in front of `origin.mjs`.
//
//     NODE_EXTRA_CA_CERTS=ca.pem node fetch.mjs '{ "urls": [...] }'
import assert from 'node:assert/strict';

const { urls } = JSON.parse(process.argv[2]);
for (const url of urls) {
  const hello = await fetch(url);
  assert.equal(hello.status, 200);
  assert.equal(await hello.text(), 'hello');

  const all = Array.from({ length: 200 }, async (_, n) => {
    const body = Buffer.alloc(n * 997, n);
    const answer = await fetch(`${url}/echo`, { method: 'POST', body });
    assert.equal(answer.status, 200);
    assert.ok(body.equals(Buffer.from(await answer.arrayBuffer())), `body ${n}`);
  });
  await Promise.all(all);

  // A body whose length nobody knows beforehand.
  const pieces = Array.from({ length: 64 }, (_, n) => Buffer.alloc(16_384, n));
  const stream = ReadableStream.from ? ReadableStream.from(pieces) : new Blob(pieces).stream();
  const answer = await fetch(`${url}/echo`, { method: 'POST', body: stream, duplex: 'half' });
  assert.ok(Buffer.concat(pieces).equals(Buffer.from(await answer.arrayBuffer())));

  const abort = new AbortController();
  const never = fetch(`${url}/never`, { signal: abort.signal });
  const before = await (await fetch(`${url}/wait?for=begun&n=1`)).json();
  abort.abort();
  await assert.rejects(never, { name: 'AbortError' });
  await fetch(`${url}/wait?for=aborted&n=${before.aborted + 1}`);
}
