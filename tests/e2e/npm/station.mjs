// A station on npm's ocpp-rpc, which checks every message of both sides against its own schemas.
//
//   node station.mjs URL IDENTITY PASSWORD PROTOCOL
//
// Each line of standard input is a call to make, [action, payload]; each line of standard output is what
// came of something: {answer}, {error}, {command: [action, payload]} or {strayed}, which is a breach by
// the other side. It begins with {open: protocol} and ends when its input does.
import { createInterface } from "node:readline";
import { RPCClient } from "ocpp-rpc";

const [endpoint, identity, password, protocol] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
const station = new RPCClient({
  endpoint,
  identity,
  password,
  protocols: [protocol],
  strictMode: true,
  reconnect: false,
});

const REPLIES = {
  GetConfiguration: { configurationKey: [{ key: "HeartbeatInterval", readonly: false, value: "300" }] },
  GetVariables: ({ getVariableData }) => ({
    getVariableResult: getVariableData.map((asked) => ({
      ...asked,
      attributeStatus: "Accepted",
      attributeValue: "300",
    })),
  }),
  UnlockConnector: { status: "Unlocked" },
};

station.on("badMessage", ({ error }) => tell({ strayed: `bad message: ${error.message}` }));
station.on("strictValidationFailure", ({ error, method }) => tell({ strayed: `${method}: ${error.message}` }));
station.handle(({ method, params }) => {
  tell({ command: [method, params] });
  const reply = REPLIES[method] ?? { status: "Accepted" };
  return typeof reply === "function" ? reply(params) : reply;
});

await station.connect();
tell({ open: station.protocol });
for await (const line of createInterface({ input: process.stdin })) {
  const [action, payload] = JSON.parse(line);
  try {
    tell({ answer: await station.call(action, payload) });
  } catch (error) {
    tell({ error: error.rpcErrorCode ?? error.message });
  }
}
await station.close();
