// Echoes every text frame; prints its port.
const { WebSocketServer } = require("ws");

const server = new WebSocketServer(
  {
    host: "127.0.0.1",
    port: 0,
    maxPayload: 65536,
    perMessageDeflate: false,
    handleProtocols: (protocols) => protocols.values().next().value,
  },
  () => console.log(server.address().port),
);
server.on("connection", (socket) => {
  socket.on("message", (text, binary) => socket.send(text, { binary }));
});
