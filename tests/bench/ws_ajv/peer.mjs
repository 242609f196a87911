// The yardstick: OCPP decode, validate, decide, encode with ajv's compiled validators.
//
//   node peer.mjs rounds SCHEMAS16 SCHEMAS201  reads one JSON line {"frames": [[version, text], ...]}, then
//                                              for each line "N" serves all frames N times and prints seconds
//   node peer.mjs serve SCHEMAS16 SCHEMAS201   serves ws on a free port of 127.0.0.1, which it prints
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { WebSocketServer } from "ws";

const NOW = "2026-11-21T12:00:00.000Z";
const ACCEPTED_16 = { idTagInfo: { status: "Accepted" } };
const ACCEPTED_201 = { idTokenInfo: { status: "Accepted" } };
const BOOT = { currentTime: NOW, interval: 300, status: "Accepted" };

// Decides as trivially as the other side: a fixed answer per action.
const DECIDE = {
  "ocpp1.6": {
    Authorize: () => ACCEPTED_16,
    BootNotification: () => BOOT,
    Heartbeat: () => ({ currentTime: NOW }),
    MeterValues: () => ({}),
    StartTransaction: () => ({ ...ACCEPTED_16, transactionId: 77 }),
    StatusNotification: () => ({}),
    StopTransaction: (payload) => (payload.idTag === undefined ? {} : ACCEPTED_16),
  },
  "ocpp2.0.1": {
    Authorize: () => ACCEPTED_201,
    BootNotification: () => BOOT,
    Heartbeat: () => ({ currentTime: NOW }),
    MeterValues: () => ({}),
    NotifyEvent: () => ({}),
    StatusNotification: () => ({}),
    TransactionEvent: (payload) => (payload.idToken === undefined ? {} : ACCEPTED_201),
  },
};

function validators(folder, suffix) {
  const ajv = new Ajv({ strict: false, multipleOfPrecision: 3 });
  addFormats(ajv);
  const compiled = {};
  for (const file of readdirSync(folder).filter((name) => name.endsWith(`${suffix}.json`))) {
    const action = file.slice(0, -`${suffix}.json`.length);
    if (action.endsWith("Response")) continue;
    const schema = JSON.parse(readFileSync(join(folder, file), "utf8").replace(/^\uFEFF/, ""));
    delete schema.$schema; // Drafts 4 and 6; the keywords used here mean the same in draft 7.
    delete schema.$id;
    compiled[action] = ajv.compile(schema);
  }
  return compiled;
}

const [mode, folder16, folder201] = process.argv.slice(2);
const VALIDATE = { "ocpp1.6": validators(folder16, ""), "ocpp2.0.1": validators(folder201, "Request") };

function serve(version, data) {
  const frame = JSON.parse(data.toString());
  if (!Array.isArray(frame) || frame[0] !== 2 || frame.length !== 4) throw new Error("not a call");
  const [, id, action, payload] = frame;
  const validate = VALIDATE[version][action];
  if (validate === undefined) return JSON.stringify([4, id, "NotImplemented", "", {}]);
  if (!validate(payload)) return JSON.stringify([4, id, "FormationViolation", "", validate.errors]);
  return JSON.stringify([3, id, DECIDE[version][action](payload)]);
}

if (mode === "serve") {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 65536, perMessageDeflate: false });
  server.on("connection", (socket) => {
    socket.on("message", (data) => socket.send(serve(socket.protocol, data)));
  });
  server.on("listening", () => console.log(server.address().port));
} else {
  let frames;
  for await (const line of createInterface({ input: process.stdin })) {
    if (frames === undefined) {
      frames = JSON.parse(line).frames.map(([version, text]) => [version, Buffer.from(text)]);
      console.log(JSON.stringify(frames.map(([version, data]) => serve(version, data))));
      continue;
    }
    const began = process.hrtime.bigint();
    for (let round = Number(line); round > 0; round--) {
      for (const [version, data] of frames) serve(version, data);
    }
    console.log(Number(process.hrtime.bigint() - began) / 1e9);
  }
}
