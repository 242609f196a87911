// Three endpoints of OCPI 2.2.1 on fastify, as a platform would have them: the token is looked up, the
// routing headers are checked and turned round, bodies are validated by schema, answers are serialised by
// schema each time. Its store is a Map. Arguments: a file with what it has, and the token it is shown.
import { readFileSync } from "node:fs";
import Fastify from "fastify";

const [objects, shown] = process.argv.slice(2);
const { locations, tokens } = JSON.parse(readFileSync(objects, "utf8"));
const OWN = { country_code: "SE", party_id: "ELS" };
const PEER = { country_code: "SE", party_id: "RET" };
const peers = new Map([[shown, { roles: new Set(["SE*RET"]) }]]);
const own = new Map(locations.map((location) => [location.id, location]));
const issued = new Map(tokens.map((token) => [`${token.uid}/${token.type}`, token]));
const kept = new Map();
const PAGE = 500;

const text = (maxLength) => ({ type: "string", maxLength });
const moment = { type: "string", format: "date-time" };
const texts = (maxLength) => ({ type: "array", items: text(maxLength) });
const place = {
  type: "object",
  required: ["latitude", "longitude"],
  properties: { latitude: text(10), longitude: text(11) },
};
const display = {
  type: "array",
  items: { type: "object", required: ["language", "text"], properties: { language: text(2), text: text(512) } },
};
const business = { type: "object", required: ["name"], properties: { name: text(100), website: text(255) } };
const connector = {
  type: "object",
  required: ["id", "standard", "format", "power_type", "max_voltage", "max_amperage", "last_updated"],
  properties: {
    id: text(36),
    standard: text(64),
    format: { type: "string", enum: ["SOCKET", "CABLE"] },
    power_type: { type: "string", enum: ["AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"] },
    max_voltage: { type: "number" },
    max_amperage: { type: "number" },
    max_electric_power: { type: "number" },
    tariff_ids: texts(36),
    terms_and_conditions: text(255),
    last_updated: moment,
  },
};
const evse = {
  type: "object",
  required: ["uid", "status", "connectors", "last_updated"],
  properties: {
    uid: text(36),
    evse_id: text(48),
    status: {
      type: "string",
      enum: [
        "AVAILABLE", "BLOCKED", "CHARGING", "INOPERATIVE", "OUTOFORDER", "PLANNED", "REMOVED", "RESERVED", "UNKNOWN",
      ],
    },
    capabilities: texts(64),
    connectors: { type: "array", minItems: 1, items: connector },
    floor_level: text(4),
    coordinates: place,
    physical_reference: text(16),
    directions: display,
    parking_restrictions: texts(32),
    last_updated: moment,
  },
};
const location = {
  type: "object",
  required: [
    "country_code", "party_id", "id", "publish", "address", "city", "country", "coordinates", "time_zone",
    "last_updated",
  ],
  properties: {
    country_code: text(2),
    party_id: text(3),
    id: text(36),
    publish: { type: "boolean" },
    name: text(255),
    address: text(255),
    city: text(45),
    postal_code: text(10),
    state: text(45),
    country: text(3),
    coordinates: place,
    parking_type: text(32),
    evses: { type: "array", items: evse },
    directions: display,
    operator: business,
    suboperator: business,
    owner: business,
    facilities: texts(32),
    time_zone: text(255),
    opening_times: { type: "object", required: ["twentyfourseven"], properties: { twentyfourseven: { type: "boolean" } } },
    charging_when_closed: { type: "boolean" },
    last_updated: moment,
  },
};
const token = {
  type: "object",
  properties: {
    country_code: text(2), party_id: text(3), uid: text(36), type: text(16), contract_id: text(36),
    visual_number: text(64), issuer: text(64), group_id: text(36), valid: { type: "boolean" }, whitelist: text(16),
    last_updated: moment,
  },
};
const envelope = (data) => ({
  type: "object",
  properties: { data, status_code: { type: "integer" }, status_message: { type: "string" }, timestamp: { type: "string" } },
});
const answers = (data) => ({ "2xx": envelope(data), "4xx": envelope({}) });
const path = (...names) => ({
  type: "object",
  required: names,
  properties: Object.fromEntries(names.map((name) => [name, text(36)])),
});

const app = Fastify({ logger: false, bodyLimit: 1 << 20 });

const sealed = (status_code, data, status_message) => ({
  data, status_code, status_message, timestamp: new Date().toISOString(),
});
const refuse = (reply, http, code, message) => reply.code(http).send(sealed(code, undefined, message));

app.addHook("onRequest", async (request, reply) => {
  const headers = request.headers;
  const [scheme, given] = (headers.authorization ?? "").split(" ");
  const peer =
    scheme.toLowerCase() === "token" ? peers.get(Buffer.from(given ?? "", "base64").toString("ascii")) : undefined;
  if (peer === undefined) return refuse(reply, 401, 2001, "no valid credentials token");
  const from = `${headers["ocpi-from-country-code"]}*${headers["ocpi-from-party-id"]}`;
  const to = `${headers["ocpi-to-country-code"]}*${headers["ocpi-to-party-id"]}`;
  if (to !== `${OWN.country_code}*${OWN.party_id}`) return refuse(reply, 400, 2001, "OCPI-to is not served here");
  if (!peer.roles.has(from)) return refuse(reply, 400, 2001, "OCPI-from is not among your roles");
  reply.header("x-request-id", headers["x-request-id"]);
  reply.header("x-correlation-id", headers["x-correlation-id"]);
  reply.header("ocpi-from-country-code", OWN.country_code);
  reply.header("ocpi-from-party-id", OWN.party_id);
  reply.header("ocpi-to-country-code", PEER.country_code);
  reply.header("ocpi-to-party-id", PEER.party_id);
});

app.setErrorHandler((error, request, reply) => refuse(reply, error.statusCode ?? 500, 2001, error.message));

app.get("/ocpi/2.2.1/cpo/locations", {
  schema: {
    querystring: {
      type: "object",
      properties: {
        date_from: moment, date_to: moment,
        offset: { type: "integer", minimum: 0, default: 0 }, limit: { type: "integer", minimum: 0, default: 100 },
      },
    },
    response: answers({ type: "array", items: location }),
  },
}, async (request, reply) => {
  const { offset, date_from, date_to } = request.query;
  const limit = Math.min(request.query.limit, PAGE);
  const found = [];
  let total = 0;
  for (const one of own.values()) {
    if (!one.publish || (date_from && one.last_updated < date_from) || (date_to && one.last_updated >= date_to)) continue;
    if (total >= offset && found.length < limit) found.push(one);
    total += 1;
  }
  reply.header("x-total-count", total);
  reply.header("x-limit", PAGE);
  if (offset + found.length < total) {
    const next = `${request.protocol}://${request.host}/ocpi/2.2.1/cpo/locations`;
    reply.header("link", `<${next}?offset=${offset + limit}&limit=${limit}>; rel="next"`);
  }
  return sealed(1000, found);
});

app.put("/ocpi/2.2.1/emsp/locations/:country_code/:party_id/:location_id", {
  schema: { params: path("country_code", "party_id", "location_id"), body: location, response: answers({}) },
}, async (request, reply) => {
  const { country_code, party_id, location_id } = request.params;
  const told = request.body;
  if (country_code !== PEER.country_code || party_id !== PEER.party_id) return refuse(reply, 404, 2003, "no such object");
  if (told.country_code !== country_code || told.party_id !== party_id || told.id !== location_id) {
    return refuse(reply, 400, 2001, "the identifiers of the path and of the body differ");
  }
  const key = `${country_code}*${party_id}/${location_id}`;
  const known = kept.get(key);
  if (known === undefined || Date.parse(told.last_updated) >= Date.parse(known.last_updated)) kept.set(key, told);
  reply.code(known === undefined ? 201 : 200);
  return sealed(1000);
});

app.post("/ocpi/2.2.1/emsp/tokens/:token_uid/authorize", {
  schema: {
    params: path("token_uid"),
    querystring: { type: "object", properties: { type: { type: "string", default: "RFID" } } },
    body: {
      type: ["object", "null"],
      required: ["location_id"],
      properties: { location_id: text(36), evse_uids: texts(36) },
    },
    response: answers({
      type: "object",
      properties: {
        allowed: { type: "string" }, token, authorization_reference: text(36),
        location: { type: "object", properties: { location_id: text(36), evse_uids: texts(36) } },
      },
    }),
  },
}, async (request, reply) => {
  const meant = issued.get(`${request.params.token_uid}/${request.query.type}`);
  if (meant === undefined) return refuse(reply, 404, 2004, "no such token");
  const allowed = meant.valid ? "ALLOWED" : "BLOCKED";
  return sealed(1000, {
    allowed, token: meant, authorization_reference: crypto.randomUUID(), location: request.body ?? undefined,
  });
});

console.log((await app.listen({ host: "127.0.0.1", port: 0 })).split(":").pop());
