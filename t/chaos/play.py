# A thousand clients for t/chaos.t, and the providers that they are to be
# served by (providers.py), in one process: so what a client got can be held
# against what was sent.
#
#   play.py '{"seed": ..., "slow": ..., "port": nginx, "providers": [[wire, port, flap]...]}'
#
# Commands on standard input, one JSON object a line; answers on standard output:
#
#   {"start": NAME, "streams": N, "paths": ["/..."], "faulty": true, "again": 0.3}
#       {"rolling": NAME}       when all have reached a provider and a third has text
#       {"done": NAME, ...}     when all have ended; see Round.summary()
#   {"idle": true}              {"idle": {...}} when no call is open at a provider
#
# A stream ends in one of these ways; those from "hangs" on are wrong:
#
#   whole      all of its text in order, finish_reason, usage, [DONE]
#   error      an error event behind the beginning of its text
#   refused    an HTTP error in OpenAI's form
#   left       the client went away by its own will
#   hangs      not ended in time
#   cut        the connection ended before the answer
#   wrong      anything else, with the reason

import asyncio
import json
import logging
import os
import random
import re
import resource
import socket
import struct
import sys
import time

from providers import Ledger, Provider, HARMLESS, MIDDLE, prompt_tokens, whole

DEADLINE = 40


def say(value):
    sys.stdout.write(json.dumps(value) + '\n')
    sys.stdout.flush()


class Stream:
    """What one client asks for, and what it got."""

    def __init__(self, round, number):
        rng = random.Random('%s/client/%d' % (round.ledger.seed, number))
        self.number, self.rng = number, rng
        self.tokens = rng.randrange(8, 25)
        self.pad = 0
        self.slow = rng.random() < 0.05
        if self.slow:
            self.pad, self.tokens = 8000, 20
        self.streamed = rng.random() < 0.92
        self.leave = None
        if round.leave and rng.random() < 0.1:
            self.leave = rng.choice(['early', 'wait', 'tokens', 'tokens'])
            self.patience = rng.uniform(0, 2)
            self.enough = rng.randrange(1, 12)
        self.reset = rng.random() < 0.5
        self.end = self.pid = None
        self.why = ''
        self.status = None

    def request(self, path):
        body = {'model': 'chaos', 'messages': [{'role': 'user',
            'content': 'stream %d tokens %d pad %d' % (self.number, self.tokens, self.pad)}]}
        if self.streamed:
            body.update(stream=True, stream_options={'include_usage': True})
        body = json.dumps(body).encode()
        return (b'POST %s HTTP/1.1\r\nHost: chaos\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n'
            % (path.encode(), len(body))) + body

    def judge(self, answer, ledger):
        """answer: all bytes, which end where the answer's framing says"""
        try:
            self.end, self.why = self.look(answer, ledger)
        except Exception as e:
            self.end, self.why = 'wrong', '%s: %r: %r' % (type(e).__name__, e, answer[-300:])

    def look(self, answer, ledger):
        head, body = answer.split(b'\r\n\r\n', 1)
        self.status = int(head.split(b' ', 2)[1])
        if re.search(rb'\r\ntransfer-encoding: *chunked', head, re.I):
            body = unchunked(body)
        kind = re.search(rb'\r\ncontent-type: *([^;\r]*)', head, re.I)[1].decode()
        met = [f for f in ledger.faults.get(self.number, []) if f not in HARMLESS]

        if self.status >= 400:
            error = json.loads(body)['error']
            if kind != 'application/json' or not self.is_error(error):
                return 'wrong', 'an error that is none: %r' % answer
            known = met or self.status in (408, 429) or 'onnection' in error['message']
            return ('refused', error['message']) if known else ('wrong', 'refused for nothing: %r' % answer)

        if self.status != 200:
            return 'wrong', 'status %d' % self.status

        text = whole(self.number, self.tokens, self.pad)
        resumed = ledger.calls.get(self.number, 0) > 1

        if not self.streamed:
            value = json.loads(body)
            choice = value['choices'][0]
            if choice['message']['content'] != text or choice['finish_reason'] != 'stop':
                return 'wrong', 'another answer: %r' % answer[-300:]
            return self.used(value['usage'], False)

        if kind != 'text/event-stream':
            return 'wrong', 'type %s' % kind
        events = body.decode().split('\n\n')
        if events.pop() != '':
            return 'wrong', 'an event that does not end: %r' % body[-300:]
        got, finish, usage, ids, error, done = '', [], None, set(), None, False
        for event in events:
            if done or error:
                return 'wrong', 'something behind the end: %r' % body[-300:]
            if event == ': ping':
                ledger.pings += 1
                continue
            if not event.startswith('data: '):
                return 'wrong', 'an event of another kind: %r' % event
            if event == 'data: [DONE]':
                done = True
                continue
            value = json.loads(event[6:])
            if 'error' in value:
                error = value['error']
                continue
            ids.add(value['id'])
            for choice in value['choices']:
                got += choice['delta'].get('content') or ''
                if choice.get('finish_reason'):
                    finish.append(choice['finish_reason'])
            usage = value.get('usage') or usage

        if len(ids) > 1:
            return 'wrong', 'several ids: %s' % ids
        if not text.startswith(got):
            return 'wrong', 'another text: %r' % got[-200:]
        if error:
            if not self.is_error(error):
                return 'wrong', 'an error event that is none: %r' % error
            if not met and 'imeout' not in error['message'] and error['code'] != '408':
                return 'wrong', 'an error for nothing: %r' % error
            return 'error', error['message']
        if not done:
            return 'wrong', 'neither [DONE] nor an error: %r' % body[-300:]
        if got != text:
            return 'wrong', 'silently short: %r' % body[-500:]
        if finish != ['stop']:
            return 'wrong', 'finish reasons: %s' % finish
        if usage is None:
            return 'wrong', 'no usage: %r' % body[-300:]
        return self.used(usage, resumed)

    @staticmethod
    def is_error(error):
        return {'message', 'type', 'param', 'code'} <= set(error) and isinstance(error['message'], str) \
            and bool(error['message'])

    def used(self, usage, more):
        p, c = usage['prompt_tokens'], usage['completion_tokens']
        mine = prompt_tokens(self.number)
        if not more and (p, c) != (mine, self.tokens) or p % mine and not more or p < mine or c < self.tokens \
                or usage['total_tokens'] != p + c:
            return 'wrong', 'usage %s, %d and %d were used' % (usage, mine, self.tokens)
        return 'whole', ''


def unchunked(body):
    out, at = [], 0
    while True:
        eol = body.index(b'\r\n', at)
        n = int(body[at:eol], 16)
        piece = body[eol + 2:eol + 2 + n]
        if len(piece) != n or body[eol + 2 + n:eol + 4 + n] != b'\r\n':
            raise ValueError('broken chunks')
        at = eol + 4 + n
        if n == 0:
            if at != len(body):
                raise ValueError('bytes behind the last chunk')
            return b''.join(out)
        out.append(piece)


class Client(asyncio.Protocol):
    """One connection; streams on it one after the other."""

    def __init__(self, round, stream):
        self.round, self.stream = round, stream
        self.got = bytearray()
        self.asking = True      # for the worker's number, first
        self.ended = False
        self.begun = False
        self.timers = []
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b'GET /pid HTTP/1.1\r\nHost: chaos\r\n\r\n')

    def later(self, delay, what, *args):
        self.timers.append(self.loop.call_later(delay, what, *args))

    def data_received(self, piece):
        self.got += piece
        if self.asking:
            if self.got.endswith(b'\n.\n'):
                self.stream.pid = int(self.got.split(b'\r\n\r\n')[1].split(b'\n')[0])
                self.asking = False
                self.got.clear()
                self.round.ready(self)
            return
        if self.ended:
            return
        stream = self.stream
        if not self.begun and b'\ndata: ' in piece:
            self.begun = True
            self.round.begun += 1
            self.round.look()
        if stream.leave == 'tokens' and self.got.count(b'data: ') > stream.enough:
            self.go()
            return
        if stream.slow and self.begun:
            self.transport.pause_reading()
            self.later(0.02, self.transport.resume_reading)
        if self.got.endswith(b'\r\n0\r\n\r\n') or self.is_whole():
            self.stream.judge(bytes(self.got), self.round.ledger)
            self.finish(self.stream.end)

    def is_whole(self):
        at = self.got.find(b'\r\n\r\n', 0, 8192)
        if at < 0:
            return False
        length = re.search(rb'\r\ncontent-length: *(\d+)', self.got[:at], re.I)
        return length is not None and len(self.got) >= at + 4 + int(length[1])

    def begin(self):
        stream = self.stream
        self.got.clear()
        self.ended = self.begun = False
        request = stream.request(stream.rng.choice(self.round.paths))
        self.round.asking += 1
        self.round.peak = max(self.round.peak, self.round.asking)
        stream.from_ = time.time()
        self.later(DEADLINE * self.round.ledger.slow, self.late)
        if stream.leave == 'early':
            self.transport.write(request[:stream.rng.randrange(1, len(request))])
            self.later(stream.patience / 4, self.go)
            return
        if stream.leave == 'wait':
            self.later(stream.patience, self.go)
        self.transport.write(request)

    def late(self):
        self.stream.why = 'after %r' % bytes(self.got[-200:])
        self.finish('hangs')
        self.transport.abort()

    def go(self):
        if self.ended:
            return
        self.finish('left')
        if self.stream.reset:
            self.transport.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                struct.pack('ii', 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    def finish(self, how):
        if self.ended:
            return
        self.ended = True
        self.stream.took = time.time() - self.stream.from_
        for timer in self.timers:
            timer.cancel()
        self.timers = []
        self.transport.resume_reading()
        self.stream.end = how
        more = self.round.ended(self)
        if more is None:
            if how not in ('left', 'cut', 'hangs'):
                self.transport.close()
            return
        more.pid = self.stream.pid
        self.stream = more
        self.begin()

    def connection_lost(self, why):
        if not self.ended:
            self.stream.why = '%r after %r' % (why, bytes(self.got[-200:]))
            self.finish('cut')


class Round:
    count = 0

    def __init__(self, ledger, port, command):
        self.ledger, self.port, self.command = ledger, port, command
        self.name, self.paths = command['start'], command['paths']
        self.leave = command.get('leave', True)
        self.streams, self.waiting = [], []
        self.running = self.asking = self.peak = self.begun = 0
        self.reached = set()
        self.rolling = False

    def new(self):
        Round.count += 1
        stream = Stream(self, Round.count)
        self.streams.append(stream)
        return stream

    async def run(self):
        loop = asyncio.get_running_loop()
        self.ledger.faulty = self.command.get('faulty', True)
        self.ledger.changed = self.touched
        self.over = loop.create_future()
        self.from_ = time.time()
        self.wanted = self.command['streams']
        for i in range(0, self.wanted, 50):
            await asyncio.gather(*[self.connect(self.new()) for i in range(i, min(i + 50, self.wanted))])
        await self.over
        say(self.summary())

    async def connect(self, stream):
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        if stream.slow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await loop.sock_connect(sock, ('127.0.0.1', self.port))
        await loop.create_connection(lambda: Client(self, stream), sock=sock)

    # all are connected before the first one asks; then they come within a moment
    def ready(self, client):
        self.waiting.append(client)
        if len(self.waiting) < self.wanted:
            return
        self.running = self.wanted
        for client in self.waiting:
            asyncio.get_running_loop().call_later(client.stream.rng.random() * self.command.get('ramp', 0.6), client.begin)

    def touched(self, number):
        self.reached.add(number)
        self.look()

    def ended(self, client):
        stream = client.stream
        self.asking -= 1
        self.reached.add(stream.number)
        self.look()
        if stream.end in ('whole', 'error', 'refused') and not client.transport.is_closing() \
                and time.time() < self.from_ + 4 * self.ledger.slow and stream.rng.random() < self.command.get('again', 0):
            return self.new()
        self.running -= 1
        if self.running == 0:
            self.over.set_result(None)

    def look(self):
        if not self.rolling and self.begun >= self.wanted / 3 and len(self.reached) >= self.wanted:
            self.rolling = True
            say({'rolling': self.name})

    def summary(self):
        ends, refused, errors, bad, cut = {}, {}, {}, [], {}
        for s in self.streams:
            ends[s.end] = ends.get(s.end, 0) + 1
            if s.end in ('wrong', 'hangs', 'cut'):
                bad.append('stream %d, worker %s: %s: %s; met %s' % (s.number, s.pid, s.end, s.why,
                    self.ledger.faults.get(s.number)))
            if s.end == 'cut':
                cut[s.pid] = cut.get(s.pid, 0) + 1
            if s.end == 'refused':
                refused[s.status] = refused.get(s.status, 0) + 1
            if s.end == 'error':
                why = re.sub(r'\d+', '#', s.why)[:60]
                errors[why] = errors.get(why, 0) + 1
        pids = {}
        for s in self.streams:
            pids[s.pid] = pids.get(s.pid, 0) + 1
        return {'done': self.name, 'ends': ends, 'streams': len(self.streams), 'peak': self.peak, 'bad': bad,
            'refused': refused, 'errors': errors, 'cut': cut, 'pids': pids, 'calls': self.ledger.total,
            'resumed': self.ledger.resumed,
            'pings': self.ledger.pings, 'met': self.ledger.met,
            'slowest': [(round(s.took, 1), s.slow, s.streamed, s.end, self.ledger.faults.get(s.number))
                for s in sorted(self.streams, key=lambda s: -s.took)[:8]],
            'seconds': round(time.time() - self.from_, 1)}


async def idle(ledger):
    end = time.time() + 20 * ledger.slow
    while ledger.open and time.time() < end:
        await asyncio.sleep(0.05)
    say({'idle': {'open': ledger.open, 'wrong': ledger.wrong}})


async def main(setup):
    logging.getLogger('asyncio').setLevel(logging.ERROR)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    loop = asyncio.get_running_loop()
    ledger = Ledger(setup['seed'], setup['slow'])
    for wire, port, flap in setup['providers']:
        await Provider(wire, port, ledger, flap).start()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    say({'ready': os.getpid()})
    while True:
        line = await reader.readline()
        if not line:
            return
        command = json.loads(line)
        work = Round(ledger, setup['port'], command).run() if 'start' in command else idle(ledger)
        task = loop.create_task(work)
        tasks.add(task)
        task.add_done_callback(broken)


def broken(task):
    if not task.cancelled() and task.exception():
        say({'broken': repr(task.exception())})


asyncio.run(main(json.loads(sys.argv[1])))
