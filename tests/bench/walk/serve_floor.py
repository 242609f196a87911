"""The least that Python can do for a frame: read, validate, and give the fixed answer of its action.

Bare picows (not ours), no identity, no limits, no time, nothing decided: a server that does any of it
takes longer. What the peer of ``words`` does in node, and what bounds it from below here.
"""

from __future__ import annotations

import argparse
import asyncio

import msgspec
import picows
import uvloop

from elstrada.ocpp.v16 import messages
from elstrada.roles.serve import settle


class Call(msgspec.Struct, array_like=True, tag=2):
    id: str
    action: str
    payload: msgspec.Raw


_call = msgspec.json.Decoder(Call)
_PAYLOADS = {
    "StartTransaction": msgspec.json.Decoder(messages.StartTransactionRequest),
    "MeterValues": msgspec.json.Decoder(messages.MeterValuesRequest),
    "StopTransaction": msgspec.json.Decoder(messages.StopTransactionRequest),
}
_ANSWERS = {
    "StartTransaction": b'",{"idTagInfo":{"status":"Accepted"},"transactionId":77}]',
    "MeterValues": b'",{}]',
    "StopTransaction": b'",{"idTagInfo":{"status":"Accepted"}}]',
}


class Line(picows.WSListener):
    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type is not picows.WSMsgType.TEXT:
            return
        call = _call.decode(frame.get_payload_as_memoryview())
        _PAYLOADS[call.action].decode(call.payload)
        transport.send(picows.WSMsgType.TEXT, b'[3,"' + call.id.encode() + _ANSWERS[call.action])


def opened(request: picows.WSUpgradeRequest) -> picows.WSUpgradeResponseWithListener:
    response = picows.WSUpgradeResponse.create_101_response(
        extra_headers={"Sec-WebSocket-Protocol": "ocpp1.6"}
    )
    return picows.WSUpgradeResponseWithListener(response, Line())


async def serve() -> None:
    server = await picows.ws_create_server(opened, "127.0.0.1", 0)
    settle()
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("--stations", type=int, required=True)
    words.parse_args()
    uvloop.run(serve())
