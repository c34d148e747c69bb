// A session that holds streams open while the proxy is told to end.
//
//     node drain.mjs '{ "url": "...", "ca": "ca.pem", "streams": 50, "held": 50 }'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';

const { url, ca, streams, held: all } = JSON.parse(process.argv[2]);
const tell = (what) => console.log(JSON.stringify(what));
const session = connect(url, { ca: ca && readFileSync(ca) });
const failed = (error) => {
  console.error(error);
  process.exit(1);
};
session.on('error', failed);
session.on('goaway', (code) => tell({ goaway: code }));
const ask = (path) =>
  new Promise((resolve) => {
    const stream = session.request({ ':path': path });
    let body = '';
    stream.setEncoding('utf8');
    stream.on('data', (piece) => (body += piece));
    stream.on('error', failed);
    stream.on('end', () => resolve(body));
  });

const held = Array.from({ length: streams }, () => ask('/hold'));
await ask(`/wait?for=held&n=${all}`);
tell({ open: streams });
const bodies = await Promise.all(held);
assert.ok(bodies.every((body) => body === 'held'));
tell({ whole: bodies.length });
await new Promise((resolve) => (session.closed ? resolve() : session.on('close', resolve)));
