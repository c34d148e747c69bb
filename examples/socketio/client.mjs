// Clients of Socket.IO as browsers are: long polling first, then a WebSocket.
//
//     node client.mjs '{"url":"http://127.0.0.1:8080","clients":200}'
//
// Each connects, says something while it still polls, changes to a WebSocket and says something
// again. With "cookies" they keep cookies; with "polling" they never change; with "stay" all remain
// connected until stdin ends, and come back when they are cut off. Prints what became of them,
// a line of JSON for each stage.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const settings = {
  clients: 200,
  cookies: false,
  polling: false,
  stay: false,
  gone: "",
  ...JSON.parse(process.argv[2] ?? "{}"),
};
const errors = {};
const note = (error) => {
  const what = error.context?.responseText ?? error.description?.message ?? error.message;
  const told = /Session ID unknown/.test(what) ? "Session ID unknown" : String(what).slice(0, 80);
  errors[told] = (errors[told] ?? 0) + 1;
};
const homes = new Map();
let returns = 0;

const say = (socket, text) =>
  new Promise((resolve, reject) => {
    socket.timeout(5000).emit("echo", text, (late, answer) =>
      late ? reject(new Error("no answer")) : resolve(answer));
  });

async function visit(n) {
  const socket = io(settings.url, {
    forceNew: true,
    reconnection: settings.stay,
    reconnectionDelay: 50,
    reconnectionDelayMax: 500,
    transports: settings.polling ? ["polling"] : ["polling", "websocket"],
    withCredentials: settings.cookies,
    timeout: 5000,
  });
  socket.on("connect_error", note);
  socket.on("hello", (name) => {
    if (homes.has(n)) returns += 1;
    homes.set(n, name);
  });
  const opened = await new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    if (!settings.stay) socket.once("connect_error", () => resolve(false));
  });
  if (!opened) return { socket, well: false };
  const upgraded = settings.polling
    ? Promise.resolve()
    : new Promise((resolve) => {
        if (socket.io.engine.transport.name === "websocket") resolve();
        socket.io.engine.once("upgrade", resolve);
        socket.io.engine.once("close", resolve);
      });
  try {
    await say(socket, "polling");
    await upgraded;
    const home = homes.get(n);
    const answer = await say(socket, "later");
    if (answer !== `${home}: later`) throw new Error("another server answered");
    return { socket, well: true, transport: socket.io.engine.transport.name };
  } catch (error) {
    note(error);
    return { socket, well: false };
  }
}

const count = (list) => list.reduce((sum, key) => ({ ...sum, [key]: (sum[key] ?? 0) + 1 }), {});
const visits = await Promise.all(Array.from({ length: settings.clients }, (_, n) => visit(n)));
const report = (stage) =>
  console.log(JSON.stringify({
    [stage]: visits.filter((visit) => visit.socket.connected).length,
    well: visits.filter((visit) => visit.well).length,
    websockets: visits.filter((visit) => visit.transport === "websocket").length,
    homes: count([...homes.values()]),
    returns,
    errors,
  }));

report("connected");
if (settings.stay) {
  // Each line that comes in asks for a report as soon as all are connected, and none at `gone`.
  for await (const _ of createInterface({ input: process.stdin })) {
    const done = () =>
      visits.every((visit) => visit.socket.connected) && ![...homes.values()].includes(settings.gone);
    const deadline = Date.now() + 20_000;
    while (!done() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    report("returned");
  }
}
visits.forEach((visit) => visit.socket.disconnect());
