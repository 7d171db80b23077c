# Providers that fail: OpenAI, Anthropic and Gemini on the wire, each call with
# a fault of its own that is drawn from the seed, the stream's number and the
# number of the call.  Every stream has a text that nobody else's has (its
# number and running ones), so that a token which is lost, doubled or somebody
# else's is seen by the client.  A call whose last message is the assistant's
# goes on behind it.
#
# A Provider serves one wire on one port; a Ledger, shared by all and by the
# clients, knows which faults each stream has met, and which calls are open.

import asyncio
import fcntl
import json
import random
import re
import socket
import struct
import termios

WORDS = re.compile(rb'stream (\d+) tokens (\d+) pad (\d+)')

# what may happen to a call, and how often of 1000
FAULTS = {
    'close': 20, 'reset': 25, '429': 20, '500': 25, '529': 15, 'garbage-head': 5,
    'head-close': 20, 'head-reset': 15, 'stall': 8, 'stall-first': 8,
    'cut': 20, 'cut-reset': 25, 'cut-end': 25, 'bad-chunk': 15, 'bad-event': 25,
    'half-event': 15, 'error-event': 25, 'stall-middle': 10,
    'no-end-mark': 15, 'stall-end': 10, 'bad-end': 10, 'drip': 40, 'idle-close': 30,
}

# the call ends well, or may: the client need not see anything of it
HARMLESS = {'drip', 'idle-close', 'no-end-mark', 'stall-end', 'bad-end'}

# behind the first text
MIDDLE = {'cut', 'cut-reset', 'cut-end', 'bad-chunk', 'bad-event', 'half-event', 'error-event', 'stall-middle'}


def token(stream, i, pad):
    text = '%d.%d' % (stream, i) + 'x' * pad
    if i % 5 == 3:
        text += ' "é\\\u263a\n'
    return text + ' '


def whole(stream, tokens, pad):
    return ''.join(token(stream, i, pad) for i in range(tokens))


def prompt_tokens(stream):
    return 1000 + stream


class Ledger:
    def __init__(self, seed, slow):
        self.seed = seed
        self.slow = slow
        self.calls = {}         # stream: calls so far
        self.faults = {}        # stream: what it has met
        self.open = 0           # calls under way
        self.total = 0
        self.resumed = 0
        self.pings = 0          # comments that clients got
        self.wrong = []         # what a gateway must not do
        self.met = {}           # fault: how often
        self.changed = None     # called with a stream that has reached somebody
        self.faulty = True

    def draw(self, stream):
        n = self.calls[stream] = self.calls.get(stream, 0) + 1
        rng = random.Random('%s/%d/%d' % (self.seed, stream, n))
        if not self.faulty:
            return rng, None
        at = rng.randrange(1000)
        for name, share in FAULTS.items():
            at -= share
            if at < 0:
                self.faults.setdefault(stream, []).append(name)
                self.met[name] = self.met.get(name, 0) + 1
                return rng, name
        return rng, None


def data(value, name=None):
    text = json.dumps(value, ensure_ascii=False, separators=(',', ':'))
    return (('event: %s\n' % name if name else '') + 'data: ' + text + '\n\n').encode()


class OpenAI:
    """The events of a stream: the head, one for each text, the end."""
    name = 'openai'
    end_mark = True

    def says(self, body):
        last = body['messages'][-1]
        return last['content'] if last['role'] == 'assistant' else None

    def chunk(self, stream, delta, finish=None, **more):
        return data(dict({'id': 'chatcmpl-p%d' % stream, 'object': 'chat.completion.chunk', 'created': 1700000000,
            'model': 'gpt-4o-mock', 'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]}, **more))

    def head(self, stream):
        return [self.chunk(stream, {'role': 'assistant', 'content': ''})]

    def text(self, stream, text):
        return self.chunk(stream, {'content': text})

    def finish(self, stream, n):
        usage = {'prompt_tokens': prompt_tokens(stream), 'completion_tokens': n,
            'total_tokens': prompt_tokens(stream) + n}
        return [self.chunk(stream, {}, 'stop'), self.chunk(stream, {}, choices=[], usage=usage), b'data: [DONE]\n\n']

    def failed(self, status, message):
        return {'error': {'message': message, 'type': 'server_error', 'param': None, 'code': None}}

    def error_event(self):
        return data(self.failed(500, 'The server had an error'))

    def answer(self, stream, text, n):
        return {'id': 'chatcmpl-p%d' % stream, 'object': 'chat.completion', 'created': 1700000000,
            'model': 'gpt-4o-mock', 'choices': [{'index': 0, 'finish_reason': 'stop',
            'message': {'role': 'assistant', 'content': text}}], 'usage': {'prompt_tokens': prompt_tokens(stream),
            'completion_tokens': n, 'total_tokens': prompt_tokens(stream) + n}}

    def streams(self, line, body):
        return bool(body.get('stream'))


class Anthropic:
    name = 'anthropic'
    end_mark = True

    def says(self, body):
        last = body['messages'][-1]
        if last['role'] != 'assistant':
            return None
        if isinstance(last['content'], str):
            return last['content']
        return ''.join(part['text'] for part in last['content'])

    def event(self, name, **more):
        return data(dict({'type': name}, **more), name)

    def head(self, stream):
        return [self.event('message_start', message={'id': 'msg_%d' % stream, 'type': 'message', 'role': 'assistant',
                'model': 'claude-mock', 'content': [], 'stop_reason': None, 'stop_sequence': None,
                'usage': {'input_tokens': prompt_tokens(stream), 'output_tokens': 1}}),
            self.event('content_block_start', index=0, content_block={'type': 'text', 'text': ''}),
            self.event('ping')]

    def text(self, stream, text):
        return self.event('content_block_delta', index=0, delta={'type': 'text_delta', 'text': text})

    def finish(self, stream, n):
        return [self.event('content_block_stop', index=0),
            self.event('message_delta', delta={'stop_reason': 'end_turn', 'stop_sequence': None},
                usage={'output_tokens': n}),
            self.event('message_stop')]

    def failed(self, status, message):
        kind = {429: 'rate_limit_error', 529: 'overloaded_error'}.get(status, 'api_error')
        return {'type': 'error', 'error': {'type': kind, 'message': message}}

    def error_event(self):
        return data(self.failed(529, 'Overloaded'), 'error')

    def answer(self, stream, text, n):
        return {'id': 'msg_%d' % stream, 'type': 'message', 'role': 'assistant', 'model': 'claude-mock',
            'content': [{'type': 'text', 'text': text}], 'stop_reason': 'end_turn', 'stop_sequence': None,
            'usage': {'input_tokens': prompt_tokens(stream), 'output_tokens': n}}

    def streams(self, line, body):
        return bool(body.get('stream'))


class Gemini:
    name = 'gemini'
    end_mark = False

    def says(self, body):
        last = body['contents'][-1]
        return ''.join(part['text'] for part in last['parts']) if last.get('role') == 'model' else None

    def candidate(self, stream, text, n, **more):
        return {'candidates': [dict({'content': {'role': 'model', 'parts': [{'text': text}]}, 'index': 0}, **more)],
            'usageMetadata': {'promptTokenCount': prompt_tokens(stream), 'candidatesTokenCount': n,
                'totalTokenCount': prompt_tokens(stream) + n},
            'modelVersion': 'gemini-mock', 'responseId': 'r-%d' % stream}

    def event(self, value):
        return data(value).replace(b'\n\n', b'\r\n\r\n')

    def head(self, stream):
        return []

    def text(self, stream, text):
        return self.event(self.candidate(stream, text, 1))

    def finish(self, stream, n):
        return [self.event(self.candidate(stream, '', n, finishReason='STOP'))]

    def failed(self, status, message):
        return {'error': {'code': status, 'message': message, 'status': 'UNAVAILABLE'}}

    def error_event(self):
        return self.event(self.failed(503, 'The model is overloaded.'))

    def answer(self, stream, text, n):
        return self.candidate(stream, text, n, finishReason='STOP')

    def streams(self, line, body):
        return b':streamGenerateContent' in line


WIRES = {wire.name: wire for wire in (OpenAI(), Anthropic(), Gemini())}


class Over(Exception):
    """the connection is to be closed, with a reset if it has an argument"""


class Provider:
    def __init__(self, wire, port, ledger, flap=0):
        self.wire, self.port, self.ledger, self.flap = WIRES[wire], port, ledger, flap
        self.server = None

    async def start(self):
        if self.flap:
            asyncio.get_running_loop().create_task(self.come_and_go())
        else:
            await self.listen()

    async def listen(self):
        self.server = await asyncio.start_server(self.connection, '127.0.0.1', self.port, backlog=4096, limit=1 << 20)

    async def come_and_go(self):
        while True:
            await self.listen()
            await asyncio.sleep(self.flap)
            self.server.close()
            await asyncio.sleep(self.flap)

    async def connection(self, reader, writer):
        reset = False
        try:
            while await self.request(reader, writer):
                pass
        except Over as e:
            reset = bool(e.args)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        sock = writer.get_extra_info('socket')
        if reset and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            writer.transport.abort()
        else:
            writer.close()

    async def request(self, reader, writer):
        try:
            head = await reader.readuntil(b'\r\n\r\n')
        except asyncio.IncompleteReadError:
            return False
        length = re.search(rb'\r\ncontent-length: *(\d+)', head, re.I)
        body = await reader.readexactly(int(length[1])) if length else b''
        line = head.split(b'\r\n', 1)[0]
        words = WORDS.search(body)
        if words is None:
            # a health probe
            await self.whole(writer, 200, self.wire.answer(0, 'fine', 1))
            return True
        self.ledger.open += 1
        self.ledger.total += 1
        try:
            return await self.call(reader, writer, line, json.loads(body), *map(int, words.groups()))
        finally:
            self.ledger.open -= 1

    async def whole(self, writer, status, value, more=''):
        body = json.dumps(value).encode()
        writer.write(b'HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n'
            % (status, len(body), more.encode()) + body)
        await writer.drain()

    # nothing comes any more: the gateway has to let go
    async def stall(self, reader, stream):
        try:
            rest = await asyncio.wait_for(reader.read(1), 40 * self.ledger.slow)
            if rest:
                self.ledger.wrong.append('stream %d: bytes behind the request' % stream)
        except asyncio.TimeoutError:
            self.ledger.wrong.append('stream %d: a silent provider is still waited for' % stream)
        raise Over

    async def call(self, reader, writer, line, body, stream, tokens, pad):
        wire, ledger = self.wire, self.ledger
        rng, fault = ledger.draw(stream)
        if ledger.changed:
            ledger.changed(stream)
        await asyncio.sleep(rng.uniform(0.01, 0.3))

        text = whole(stream, tokens, pad)
        said = wire.says(body)
        if said is not None:
            ledger.resumed += 1
            if not text.startswith(said):
                ledger.wrong.append('stream %d: is to go on behind what was never said: %r' % (stream, said[-40:]))
                raise Over
            if said != said.rstrip():
                ledger.wrong.append('stream %d: white space at the end of what was said' % stream)
            text = text[len(said):]

        if fault == 'close':
            raise Over
        if fault == 'reset':
            raise Over('reset')
        if fault == 'stall':
            await self.stall(reader, stream)
        if fault == 'garbage-head':
            writer.write(b'SSH-2.0-OpenSSH_9.2p1\r\n\r\n')
            await writer.drain()
            raise Over
        if fault in ('429', '500', '529'):
            status = int(fault)
            more = 'Retry-After: 1\r\n' if status == 429 and rng.random() < 0.5 else ''
            await self.whole(writer, status, wire.failed(status, 'not now, stream %d' % stream), more)
            return True

        if not wire.streams(line, body):
            if fault in MIDDLE or fault in ('head-close', 'head-reset', 'stall-first'):
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"id":')
                await writer.drain()
                if 'stall' in fault:
                    await self.stall(reader, stream)
                raise Over(*(['reset'] if 'reset' in fault else []))
            await self.whole(writer, 200, wire.answer(stream, text, tokens))
            return True

        writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n'
            b'Transfer-Encoding: chunked\r\n\r\n')
        if fault in ('head-close', 'head-reset', 'stall-first'):
            if rng.random() < 0.5:
                for event in wire.head(stream):
                    self.chunk(writer, event)
            await writer.drain()
            await asyncio.sleep(rng.uniform(0, 0.05))
            if fault == 'stall-first':
                await self.stall(reader, stream)
            raise Over(*(['reset'] if fault == 'head-reset' else []))

        return await self.stream(reader, writer, rng, fault, stream, tokens, text)

    def chunk(self, writer, piece):
        writer.write(b'%x\r\n' % len(piece) + piece + b'\r\n')

    async def stream(self, reader, writer, rng, fault, stream, tokens, text):
        wire = self.wire
        parts = re.findall(r'\S+\s+|\S+|\s+', text)
        events = [wire.text(stream, part) for part in parts]
        at = rng.randrange(1, len(events)) if fault in MIDDLE and len(events) > 1 else None
        if fault in MIDDLE and at is None:
            at = 0
        events = wire.head(stream) + events
        if at is not None:
            at += len(wire.head(stream))
            events = events[:at]
        else:
            events += wire.finish(stream, tokens)
            if fault == 'no-end-mark' and wire.end_mark:
                events.pop()

        pace = rng.uniform(0.03, 0.1)
        await asyncio.sleep(rng.uniform(0.05, 0.5))
        held = b''
        for event in events:
            held += event
            if rng.random() < 0.15:
                continue
            if fault == 'drip' and len(held) < 2000:
                for i in range(0, len(held), 60):
                    self.chunk(writer, held[i:i + 60])
                    await asyncio.sleep(0)
            elif rng.random() < 0.1:
                # one that arrives in two reads
                n = rng.randrange(1, len(held))
                self.chunk(writer, held[:n])
                await asyncio.sleep(0.005)
                self.chunk(writer, held[n:])
            else:
                self.chunk(writer, held)
            held = b''
            await writer.drain()
            await asyncio.sleep(rng.expovariate(1 / pace) if len(held) < 4000 else pace / 4)
            if reader.at_eof():
                raise Over
        if held:
            self.chunk(writer, held)

        if fault in MIDDLE:
            await self.fail(reader, writer, rng, fault, stream)
        if fault == 'bad-end' and wire.end_mark:
            writer.write(b'zz\r\n')
            await writer.drain()
            raise Over
        if fault == 'stall-end' and wire.end_mark:
            await writer.drain()
            await self.stall(reader, stream)
        writer.write(b'0\r\n\r\n')
        await writer.drain()
        if fault in ('cut-end', 'error-event', 'bad-event'):
            return rng.random() < 0.5
        if fault == 'idle-close':
            await asyncio.sleep(rng.uniform(0, 0.05))
            await self.taken(writer)
            raise Over(*(['reset'] if rng.random() < 0.5 else []))
        return True

    # until the other side's kernel has all of it: what a reset overtakes is lost
    async def taken(self, writer):
        sock, left = writer.get_extra_info('socket'), bytearray(4)
        while not writer.is_closing() and sock.fileno() >= 0:
            fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, left)
            if not any(left) and not writer.transport.get_write_buffer_size():
                return
            await asyncio.sleep(0.005)

    # in the middle of a stream; returns if the body is to be ended as it should
    async def fail(self, reader, writer, rng, fault, stream):
        if fault == 'cut-end':
            return
        if fault == 'error-event':
            self.chunk(writer, self.wire.error_event())
            return
        if fault == 'bad-event':
            self.chunk(writer, b'data: <html>502 Bad Gateway\n\n')
            return
        if fault == 'half-event':
            event = self.wire.text(stream, 'never seen')
            self.chunk(writer, event[:rng.randrange(7, len(event) - 4)])
        if fault == 'bad-chunk':
            writer.write(b'zz\r\nnonsense\r\n')
        await writer.drain()
        if fault == 'stall-middle':
            await self.stall(reader, stream)
        raise Over(*(['reset'] if fault == 'cut-reset' else []))
