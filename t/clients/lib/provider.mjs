// A provider for tests: an HTTP/1.1 server on raw sockets.
//
// A test says with on(model, script) what happens to requests for a model; the
// script gets a Call and decides about every byte and every pause of the
// answer.  Every request is kept, so that a test can look at what the gateway
// sent.  Nothing here waits for time to pass: closed, calls() and gates are
// events.
//
// It is no general server: requests must have a Content-Length or be chunked,
// one after the other on a connection, as the gateway sends them.

import { once } from 'node:events';
import { createServer } from 'node:net';

const REASONS = { 200: 'OK', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden',
    404: 'Not Found', 429: 'Too Many Requests', 500: 'Internal Server Error',
    503: 'Service Unavailable', 529: 'Overloaded' };


// A promise with its resolve function: what a script waits for.
export function gate() {
    let open;
    const promise = new Promise((resolve) => { open = resolve; });
    promise.open = open;
    return promise;
}


class Call {
    constructor(socket, head, body) {
        const [start, ...lines] = head.split('\r\n');
        [this.method, this.path] = start.split(' ');
        this.headers = Object.fromEntries(lines.map((line) => {
            const colon = line.indexOf(':');
            return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }));
        this.body = body;
        this.socket = socket;
        // resolves to true when the gateway closed before the answer was over
        this.closed = gate();
        this.ended = false;
    }

    get json() {
        return JSON.parse(this.body.toString());
    }

    head(status, headers) {
        const lines = [`HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}`];
        for (const [name, value] of Object.entries(headers)) {
            lines.push(`${name}: ${value}`);
        }
        return lines.join('\r\n') + '\r\n\r\n';
    }

    // A whole answer; a string is sent as it is, anything else as JSON.
    answer(status, body, headers = {}) {
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        const bytes = Buffer.from(text);
        this.socket.write(Buffer.concat([Buffer.from(this.head(status, {
            'Content-Type': 'application/json', 'Content-Length': bytes.length, ...headers,
        })), bytes]));
        this.ended = true;
    }

    // The start of a stream; then send() and end() or cut().
    open(headers = {}) {
        this.socket.write(this.head(200, {
            'Content-Type': 'text/event-stream', 'Transfer-Encoding': 'chunked', ...headers,
        }));
    }

    send(data) {
        const bytes = Buffer.from(data);
        this.socket.write(Buffer.concat([Buffer.from(bytes.length.toString(16) + '\r\n'),
            bytes, Buffer.from('\r\n')]));
    }

    end() {
        this.socket.write('0\r\n\r\n');
        this.ended = true;
    }

    cut() {
        this.ended = true;
        this.socket.destroy();
    }

    // All events; with a size they go out in pieces of so many bytes, each in
    // a turn of the event loop of its own.
    async stream(events, size = 0) {
        this.open();
        const pieces = size ? slices(Buffer.from(events.join('')), size) : events;
        for (const piece of pieces) {
            this.send(piece);
            await new Promise(setImmediate);
        }
        this.end();
    }
}


function slices(bytes, size) {
    const pieces = [];
    for (let i = 0; i < bytes.length; i += size) {
        pieces.push(bytes.subarray(i, i + size));
    }
    return pieces;
}


export class Provider {
    #scripts = new Map();
    #calls = new Map();
    #waiting = [];
    #sockets = new Set();
    #server = createServer((socket) => this.#serve(socket));
    faults = [];

    static async start() {
        const provider = new Provider();
        provider.#server.listen(0, '127.0.0.1');
        await once(provider.#server, 'listening');
        provider.url = `http://127.0.0.1:${provider.#server.address().port}`;
        return provider;
    }

    // Forgets what was asked for this model before.
    on(model, script) {
        this.#scripts.set(model, script);
        this.#calls.set(model, []);
    }

    calls(model) {
        return this.#calls.get(model) ?? [];
    }

    // The n-th request for a model, at once or when it comes.
    call(model, n = 0) {
        const call = this.calls(model)[n];
        if (call) {
            return Promise.resolve(call);
        }
        return new Promise((resolve) => this.#waiting.push({ model, n, resolve }));
    }

    async stop() {
        for (const socket of this.#sockets) {
            socket.destroy();
        }
        this.#server.close();
        await once(this.#server, 'close');
    }

    async #serve(socket) {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on('error', () => {});
        let current;
        socket.on('close', () => {
            this.#sockets.delete(socket);
            current?.closed.open(!current.ended);
        });

        const reader = new Reader(socket);
        for (;;) {
            const request = await reader.request();
            if (!request) {
                return;
            }
            current = new Call(socket, ...request);
            try {
                await this.#answer(current);
            } catch (error) {
                // a test's own fault, or what the gateway sent is no request
                this.faults.push(error);
                socket.destroy();
                return;
            }
        }
    }

    async #answer(call) {
        // Gemini has the model in its path
        const model = call.json.model
            ?? /\/models\/([^:/]+):/.exec(decodeURIComponent(call.path))?.[1];
        const script = this.#scripts.get(model);
        if (!script) {
            call.answer(404, { error: { message: `no script for ${model}`,
                type: 'invalid_request_error', param: null, code: 'model_not_found' } });
            return;
        }
        const calls = this.#calls.get(model);
        call.n = calls.push(call) - 1;
        this.#waiting = this.#waiting.filter((wait) => {
            if (wait.model !== model || wait.n !== call.n) {
                return true;
            }
            wait.resolve(call);
            return false;
        });
        await script(call);
    }
}


// Requests out of a socket: [head, body], or null when it was closed.
class Reader {
    #bytes = Buffer.alloc(0);
    #wake = () => {};
    #closed = false;

    constructor(socket) {
        socket.on('data', (bytes) => {
            this.#bytes = Buffer.concat([this.#bytes, bytes]);
            this.#wake();
        });
        socket.on('close', () => {
            this.#closed = true;
            this.#wake();
        });
    }

    async #until(found) {
        for (;;) {
            const result = found(this.#bytes);
            if (result !== null) {
                return result;
            }
            if (this.#closed) {
                return null;
            }
            await new Promise((resolve) => { this.#wake = resolve; });
        }
    }

    async #take(size) {
        const bytes = await this.#until((all) => (all.length >= size ? all.subarray(0, size) : null));
        this.#bytes = this.#bytes.subarray(size);
        return bytes;
    }

    async #line(end) {
        const at = await this.#until((all) => {
            const found = all.indexOf(end);
            return found < 0 ? null : found;
        });
        return at === null ? null : (await this.#take(at + end.length)).subarray(0, at).toString();
    }

    async request() {
        const head = await this.#line('\r\n\r\n');
        if (head === null) {
            return null;
        }
        const length = /^content-length: *(\d+)/im.exec(head);
        if (length) {
            const body = await this.#take(Number(length[1]));
            return body && [head, body];
        }
        if (!/^transfer-encoding: *chunked/im.test(head)) {
            return [head, Buffer.alloc(0)];
        }
        const chunks = [];
        for (;;) {
            const size = parseInt(await this.#line('\r\n'), 16);
            const chunk = await this.#take(size + 2);
            if (!chunk) {
                return null;
            }
            if (size === 0) {
                return [head, Buffer.concat(chunks)];
            }
            chunks.push(chunk.subarray(0, size));
        }
    }
}
