# Clients, or the providers that serve them, for t/proof.t and t/redis_*.t: two
# processes.
#
#   play.py provider '{"ports": [...], "slow": 1}'
#   play.py clients '{"ports": [nginx, ...], "seed": ..., "slow": 1, "patience": 1, "keys": {NAME: key}}'
#
# "how": {NAME: {...}} replaces KEYS, below.
#
# A request says in its text who asks, which faults its attempts meet one after
# the other, how long each takes and how many tokens are to be charged, so that
# the providers need to know nothing.  Commands on standard input, answers on
# standard output, a JSON object a line:
#
#   clients:   {"start": N}     {"rolling": true}, when a third has been answered
#                               or refused; {"done": {...}}, when all have ended;
#                               "names": who asks, "spread": s from first to last
#              {"steady": s}    the same with "names" of which each asks "rate"
#                               times a second at each port
#   provider:  {"look": true}   {"calls": {...}}: of each key how many requests
#                               came, how many were there at a time at most;
#                               "late": the longest that one was on its way here
#                               since the last look
#
# Of a request that is over its bytes are written first and counted down before:
# nginx can't know of the end earlier than the counter.

import asyncio
import json
import logging
import os
import random
import re
import resource
import sys
import time

TOKENS = 20         # max_tokens of each request; a prompt has not more than it
                    # is estimated to have
WORDS = re.compile(rb'proof n=(\d+) key=(\w+) faults=(\w+) in=(\d+) out=(\d+) delay=([\d.]+) at=([\d.]+)')


def say(value):
    sys.stdout.write(json.dumps(value) + '\n')
    sys.stdout.flush()


# --- providers

class Provider:
    def __init__(self, slow):
        self.slow = slow
        self.calls = {}      # key: {"requests": set, "now": n, "most": n, "tokens": n}
        self.attempts = {}   # request: attempts so far
        self.open = self.peak = 0
        self.late = 0

    def of(self, key):
        return self.calls.setdefault(key, {'requests': set(), 'now': 0, 'most': 0})

    def look(self):
        late, self.late = self.late, 0
        return {'late': round(late, 3), 'calls': {k: {'requests': len(c['requests']), 'now': c['now'], 'most': c['most']}
            for k, c in self.calls.items()}, 'open': self.open, 'peak': self.peak,
            'attempts': sum(self.attempts.values())}

    async def connection(self, reader, writer):
        try:
            while await self.request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, BrokenPipeError):
            pass
        writer.transport.abort()

    async def request(self, reader, writer):
        head = await reader.readuntil(b'\r\n\r\n')
        body = await reader.readexactly(int(re.search(rb'\r\ncontent-length: *(\d+)', head, re.I)[1]))
        words = WORDS.search(body)
        if words is None:
            await self.whole(writer, 200, chat(1, 1))
            return True
        n, key, faults = int(words[1]), words[2].decode(), words[3].decode()
        tokens, delay = (int(words[4]), int(words[5])), float(words[6])
        i = self.attempts.get(n, 0)
        self.attempts[n] = i + 1
        fault = faults[i] if i < len(faults) else 'o'

        if i == 0:
            self.late = max(self.late, time.time() - float(words[7]))

        c = self.of(key)
        c['requests'].add(n)
        c['now'] += 1
        c['most'] = max(c['most'], c['now'])
        self.open += 1
        self.peak = max(self.peak, self.open)
        down = [False]

        def over():
            if not down[0]:
                down[0] = True
                c['now'] -= 1
                self.open -= 1

        try:
            # a gateway that gives up is seen while nothing is written
            gone = asyncio.ensure_future(reader.read(1))
            done, _ = await asyncio.wait([gone], timeout=delay * self.slow)
            if done:
                return False
            gone.cancel()
            try:
                await gone
            except asyncio.CancelledError:
                pass
            return await self.answer(writer, head, body, fault, tokens, over)
        finally:
            over()

    async def answer(self, writer, head, body, fault, tokens, over):
        if fault == 'c':
            over()
            return False
        if fault in '45':
            over()
            await self.whole(writer, {'4': 429, '5': 500}[fault], {'error': {'message': 'no', 'type': 'x', 'code': 'x'}})
            return True
        if b'/embeddings' in head.split(b'\r\n', 1)[0]:
            over()
            await self.whole(writer, 200, {'object': 'list', 'model': 'm', 'data': [{'object': 'embedding', 'index': 0,
                'embedding': [0.5]}], 'usage': {'prompt_tokens': tokens[0], 'total_tokens': tokens[0]}})
            return True
        if b'"stream": true' not in body:
            over()
            await self.whole(writer, 200, chat(*tokens))
            return True
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
        half = tokens[1] // 2
        for i in range(tokens[1]):
            if i == half:
                if fault == 'x':
                    over()
                    return False
                await writer.drain()
                await asyncio.sleep(0.1)
            event(writer, {'choices': [{'index': 0, 'delta': {'content': 'w '}, 'finish_reason': None}]})
        over()
        event(writer, {'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'stop'}]})
        event(writer, {'choices': [], 'usage': usage(*tokens)})
        writer.write(b'e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n')
        await writer.drain()
        return True

    async def whole(self, writer, status, value):
        body = json.dumps(value).encode()
        writer.write(b'HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n'
            % (status, len(body)) + body)
        await writer.drain()


def usage(i, o):
    return {'prompt_tokens': i, 'completion_tokens': o, 'total_tokens': i + o}


def chat(i, o):
    return {'id': 'c', 'object': 'chat.completion', 'created': 1, 'model': 'm', 'usage': usage(i, o),
        'choices': [{'index': 0, 'finish_reason': 'stop', 'message': {'role': 'assistant', 'content': 'w ' * o}}]}


def event(writer, value):
    value.update(id='c', object='chat.completion.chunk', created=1, model='m')
    data = b'data: ' + json.dumps(value).encode() + b'\n\n'
    writer.write(b'%x\r\n%s\r\n' % (len(data), data))


# --- clients

# what may go wrong with requests of a key; how often it asks again when it is
# refused
KEYS = {
    'requests': dict(weight=25, leave=0, faults=True, streams=True, again=0),
    'tokens':   dict(weight=15, leave=0.15, faults=False, streams=False, again=6),
    'parallel': dict(weight=15, leave=0, faults=True, streams=True, again=6),
    'budget':   dict(weight=15, leave=0.15, faults=False, streams=True, again=3),
    'all':      dict(weight=50, leave=0.2, faults=True, streams=True, again=0, paths=True),
    'edge':     dict(weight=5, leave=0.2, faults=False, streams=True, again=0, model='edge'),
}


class Clients:
    def __init__(self, setup):
        self.setup, self.slow = setup, setup['slow']
        self.rng = random.Random(setup['seed'])
        self.how = setup.get('how', KEYS)
        self.number = 0

    def begin(self, n, spread=0.5):
        self.seen, self.bad, self.wanted, self.ended, self.from_ = {}, [], n, 0, time.time()
        self.worst = {}
        self.spread = spread
        self.told = False
        self.gate = asyncio.Event()
        self.connected = 0

    def end(self):
        say({'done': {'seen': self.seen, 'bad': self.bad[:8], 'nbad': len(self.bad), 'worst': self.worst,
            'seconds': round(time.time() - self.from_, 1)}})

    async def round(self, n, names=None, spread=0.5):
        self.begin(n, spread)
        names = names or list(self.how)
        names = self.rng.choices(names, [self.how[name]['weight'] for name in names], k=n)
        tasks = []
        for i in range(0, n, 100):
            for name in names[i:i + 100]:
                tasks.append(asyncio.ensure_future(self.client(name)))
            while self.connected < len(tasks):
                await asyncio.sleep(0.01)
        self.gate.set()
        await asyncio.gather(*tasks)
        self.end()

    async def steady(self, seconds, names, rate):
        self.begin(0)
        tasks = []
        for i in range(int(seconds * rate)):
            for name in names:
                for port in self.setup['ports']:
                    tasks.append(asyncio.ensure_future(self.later(random.Random(self.rng.random()), name, port, 1 / rate)))
            await asyncio.sleep(max(0, self.from_ + (i + 1) / rate - time.time()))
        await asyncio.gather(*tasks)
        self.end()

    async def later(self, rng, name, port, within):
        await asyncio.sleep(rng.random() * within)
        await self.asks(rng, name, port)

    async def asks(self, rng, name, port, connection=None):
        end = await self.one(rng, name, self.how[name], port, connection)
        count = self.seen.setdefault(name, {})
        count[end] = count.get(end, 0) + 1
        return end

    async def client(self, name):
        rng = random.Random(self.rng.random())
        how = self.how[name]
        port = rng.choice(self.setup['ports'])
        first = await self.connect(port)
        self.connected += 1
        await self.gate.wait()
        await asyncio.sleep(rng.random() * self.spread)
        for i in range(1 + how['again']):
            end = await self.asks(rng, name, port, first if i == 0 else None)
            if end not in ('429', '422', '503'):
                break
            await asyncio.sleep((0.1 + 0.4 * rng.random()) * self.slow)
        self.ended += 1
        if not self.told and self.ended >= self.wanted / 3:
            self.told = True
            say({'rolling': True})

    async def connect(self, port):
        return await asyncio.open_connection('127.0.0.1', port)

    async def one(self, rng, name, how, port, connection):
        self.number += 1
        stream = how['streams'] and rng.random() < 0.5
        embed = not stream and rng.random() < 0.2
        faults = 'o'
        if how['faults']:
            faults = ''.join(rng.choice('ooo45cx') for _ in range(4))
        text = 'proof n=%d key=%s faults=%s in=%d out=%d delay=%.3f at=%.3f' % (self.number, name, faults, rng.randrange(1, 21),
            rng.randrange(2, TOKENS + 1), rng.choice(how.get('delays', [0.03, 0.3, 1])) * max(1.5, self.setup['patience']) * rng.random(),
            time.time())
        body = {'model': 'embed' if embed and 'model' not in how else how.get('model', 'load')}
        path = ''
        if embed and 'model' not in how:
            body['input'] = text
            path = '/v1/embeddings'
        else:
            body.update(max_tokens=TOKENS, messages=[{'role': 'user', 'content': text}])
            if stream:
                body['stream'] = True
            path = (rng.choice(['', '', '/hedge', '/on']) if how.get('paths') else '') + '/v1/chat/completions'
        body = json.dumps(body).encode()
        leave = rng.choice(['sent', 'wait', 'text']) if rng.random() < how['leave'] else None
        writer = None
        try:
            reader, writer = connection or await self.connect(port)
            asked = time.time()
            writer.write(b'POST %s HTTP/1.1\r\nHost: proof\r\nConnection: close\r\nAuthorization: Bearer %s\r\nMark: %s\r\n'
                b'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n' % (path.encode(),
                self.setup['keys'][name].encode(), name.encode(), len(body)) + body)
            await writer.drain()
            if leave == 'sent':
                return 'left'
            if leave == 'wait':
                await asyncio.sleep(rng.random() * self.slow)
                return 'left'
            if leave == 'text':
                await asyncio.wait_for(reader.read(1), 60 * self.slow)
                return 'left'
            answer = await asyncio.wait_for(reader.read(), 60 * self.slow)
            end = self.judge(answer)
            self.worst[end] = max(self.worst.get(end, 0), round(time.time() - asked, 3))
            return end
        except asyncio.TimeoutError:
            self.bad.append('hangs: %s %s' % (path, text))
            return 'hangs'
        except ConnectionError:
            return 'cut'
        finally:
            if writer:
                writer.transport.abort()

    def judge(self, answer):
        if not answer:
            return 'cut'
        head, _, body = answer.partition(b'\r\n\r\n')
        status = head.split(b' ', 2)[1].decode()
        if status == '429' and b'throttling_error' not in body:
            return 'their 429'
        if status == '422' and b'budget_exceeded' not in body:
            self.bad.append(repr(answer[:300]))
        if status == '200' and b'text/event-stream' in head:
            if not answer.endswith(b'0\r\n\r\n'):
                return 'cut'
            return '200' if b'[DONE]' in body else 'error'
        return status


async def main(mode, setup):
    logging.getLogger('asyncio').setLevel(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    loop = asyncio.get_running_loop()
    if mode == 'provider':
        player = Provider(setup['slow'])
        for port in setup['ports']:
            await asyncio.start_server(player.connection, '127.0.0.1', port, backlog=16384, limit=1 << 16)
    else:
        player = Clients(setup)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say({'ready': os.getpid()})
    tasks = set()
    while True:
        line = await reader.readline()
        if not line:
            return
        command = json.loads(line)
        if 'start' in command or 'steady' in command:
            if 'start' in command:
                task = player.round(command.pop('start'), **command)
            else:
                task = player.steady(command.pop('steady'), **command)
            task = loop.create_task(task)
            tasks.add(task)
            task.add_done_callback(lambda t: t.exception() and say({'broken': repr(t.exception())}))
        else:
            say(player.look())


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
