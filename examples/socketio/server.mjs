// One Socket.IO server of several. It knows the sessions that it has begun, and no others: a request
// for another one gets 400 and `Session ID unknown`.
//
//     node server.mjs --port 3001 --name a [--drain 2]
//
// It prints {"listening":PORT} when it listens. SIGTERM drains: nothing new is taken, and every
// socket is told to go at a time of its own within --drain seconds, so that not all come back at
// once; then it exits with 0.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    name: { type: "string", default: "app" },
    drain: { type: "string", default: "2" },
  },
});

let draining = false;
const http = createServer((request, response) => {
  const well = request.url === "/healthz" && !draining;
  response.writeHead(well ? 200 : 503, { "Content-Type": "text/plain" });
  response.end(well ? "ok\n" : "draining\n");
});
const io = new Server(http, {
  cors: { origin: true, credentials: true },
  // Closed sockets are of no use to a test that counts them.
  pingInterval: 5000,
});

// A session of Engine.IO begins before its socket does: neither is taken while draining.
io.engine.use((request, response, next) => {
  const begins = !request._query.sid;
  if (!draining || !begins) return next();
  response.writeHead(503, { "Retry-After": "1" });
  response.end();
});

io.on("connection", (socket) => {
  socket.emit("hello", values.name);
  socket.on("echo", (text, reply) => reply(`${values.name}: ${text}`));
});

http.listen(Number(values.port), "127.0.0.1", () => {
  console.log(JSON.stringify({ listening: http.address().port, name: values.name }));
});

process.on("SIGTERM", () => {
  draining = true;
  const sockets = [...io.of("/").sockets.values()];
  const within = Number(values.drain) * 1000;
  sockets.forEach((socket, n) => {
    const when = (within * n) / Math.max(sockets.length, 1);
    // Closes the connection below, which a client takes for a loss and comes back from.
    setTimeout(() => socket.conn.close(), when);
  });
  setTimeout(() => {
    http.close();
    http.closeIdleConnections();
    process.exit(0);
  }, within + 200);
});
