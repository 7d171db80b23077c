// What goes wrong: as the library's error classes, or not at all where the
// gateway has another try or another model.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { dialects, failing, saying } from './lib/dialects.mjs';
import { start } from './lib/gateway.mjs';
import { dropped, within } from './lib/guards.mjs';
import { collect, header, sdks, textOf } from './lib/sdk.mjs';

const { provider, url } = await start(after);


// The error of a call that must fail.
async function failure(promise) {
    let error;
    await assert.rejects(within(promise, 'the error'), (reason) => { error = reason; return true; });
    return error;
}


for (const dialect of dialects) {
    const other = dialects.find((one) => one !== dialect);
    for (const sdk of sdks) {
        cases(dialect, other, sdk);
    }
}


function cases(dialect, other, sdk) {
    const { OpenAI } = sdk;
    const client = sdk.client(url);
    const label = (text) => `${sdk.name} to ${dialect.name}: ${text}`;
    const ask = (model, more = {}, options = {}) => client.chat.completions.create({
        model: dialect.group(model), messages: [{ role: 'user', content: 'Hi' }], ...more },
    options);

    for (const [status, kind, expected = status] of [
        [400, OpenAI.BadRequestError],
        [401, OpenAI.AuthenticationError],
        [403, OpenAI.PermissionDeniedError],
        [404, OpenAI.NotFoundError],
        [429, OpenAI.RateLimitError],
        [500, OpenAI.InternalServerError],
        [503, OpenAI.InternalServerError],
        // Anthropic's "overloaded", which no other API knows
        ...(dialect.name === 'anthropic' ? [[529, OpenAI.InternalServerError, 503]] : []),
    ]) {
        test(label(`${status} is ${kind.name}`), async () => {
            provider.on('fails', failing(dialect, status, `sorry, ${status}`));
            for (const stream of [false, true]) {
                const error = await failure(ask('fails', { stream }));
                assert.ok(error instanceof kind, `${error.stack}`);
                assert.equal(error.status, expected);
                assert.match(error.message, new RegExp(`sorry, ${status}`));
                assert.equal(typeof error.type, 'string');
                assert.ok(header(error, 'x-litellm-call-id'));
            }
            assert.equal(provider.calls('fails').length, 2);
        });
    }

    test(label('a rate limit says when to come back'), async () => {
        provider.on('limited', failing(dialect, 429, 'slow down', { 'Retry-After': '17' }));
        const error = await failure(ask('limited'));
        assert.ok(error instanceof OpenAI.RateLimitError);
        assert.equal(header(error, 'retry-after') ?? header(error, 'llm_provider-retry-after'), '17');
    });

    test(label('the library\'s own retries go on from the gateway\'s errors'), async () => {
        provider.on('limited', (call) => (call.n < 2
            ? failing(dialect, 429, 'slow down', { 'Retry-After': '0' })
            : saying(dialect, { text: ['now'] }))(call));
        const patient = sdk.client(url, { maxRetries: 2 });
        const { choices } = await patient.chat.completions.create({
            model: dialect.group('limited'), messages: [{ role: 'user', content: 'Hi' }] });
        assert.equal(choices[0].message.content, 'now');
        assert.equal(provider.calls('limited').length, 3);
    });

    test(label('a provider that repeats its key does not give it away'), async () => {
        provider.on('leaky', failing(dialect, 401, `Incorrect API key provided: ${dialect.key}.`));
        const error = await failure(ask('leaky'));
        assert.ok(error instanceof OpenAI.AuthenticationError);
        const headers = error.headers.entries ? [...error.headers.entries()] : error.headers;
        const all = JSON.stringify([error.message, error.error, headers]);
        assert.match(all, /Incorrect API key/);
        assert.ok(!all.includes(dialect.key), all);
    });

    for (const [what, body] of [['HTML', '<html>Bad gateway</html>'], ['nothing', ''],
        ['half an object', '{"choices": [{"message"']])
    {
        test(label(`a 200 with ${what} is an error`), async () => {
            provider.on('broken', (call) => call.answer(200, body));
            const error = await failure(ask('broken'));
            assert.ok(error instanceof OpenAI.APIError && error.status >= 500, `${error.stack}`);
        });

        test(label(`a 500 with ${what} is InternalServerError`), async () => {
            provider.on('broken', (call) => call.answer(500, body));
            const error = await failure(ask('broken'));
            assert.ok(error instanceof OpenAI.InternalServerError, `${error.stack}`);
        });
    }

    test(label('a connection that ends without an answer'), async () => {
        provider.on('silent', (call) => call.cut());
        const error = await failure(ask('silent'));
        assert.ok(error instanceof OpenAI.InternalServerError, `${error.stack}`);
    });

    test(label('the gateway\'s time is up'), async () => {
        provider.on('slow', () => {});
        for (const stream of [false, true]) {
            const error = await failure(ask('slow', { stream }));
            assert.ok(error instanceof OpenAI.APIError, `${error.stack}`);
            assert.equal(error.status, 408);
        }
        await dropped(await provider.call('slow', 0));
        await dropped(await provider.call('slow', 1));
    });

    test(label('the client\'s time is up'), async () => {
        provider.on('sleepy', () => {});
        const error = await failure(ask('sleepy', {}, { timeout: 250 }));
        assert.ok(error instanceof OpenAI.APIConnectionTimeoutError, `${error.stack}`);
        await dropped(await provider.call('sleepy'));
    });

    test(label('the client goes before the answer'), async () => {
        provider.on('waiting', () => {});
        const abort = new AbortController();
        const result = failure(ask('waiting', {}, { signal: abort.signal }));
        const call = await within(provider.call('waiting'), 'the request');
        abort.abort();
        assert.ok((await result) instanceof OpenAI.APIUserAbortError);
        await dropped(call);
    });

    test(label('a retry is not seen'), async () => {
        provider.on('again', (call) => (call.n === 0 ? failing(dialect, 500, 'once')
            : saying(dialect, { text: ['second ', 'try'] }))(call));
        const { data, response } = await ask('again').withResponse();
        assert.equal(data.choices[0].message.content, 'second try');
        assert.equal(response.headers.get('x-litellm-attempted-retries'), '1');
        assert.equal(provider.calls('again').length, 2);
    });

    test(label('a fallback to the other dialect is not seen'), async () => {
        provider.on('falls', failing(dialect, 500, 'not today'));
        provider.on('spare', saying(other, { text: ['from ', 'another'],
            calls: [{ id: 'call_1', name: 'weather', args: '{"city":"Bern"}' }] }));
        const { data, response } = await ask('falls').withResponse();
        const { message } = data.choices[0];
        assert.equal(message.content, 'from another');
        assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Bern' });
        assert.equal(response.headers.get('x-litellm-attempted-fallbacks'), '1');

        const chunks = await collect(await ask('falls', { stream: true }));
        assert.equal(textOf(chunks), 'from another');
        assert.deepEqual([provider.calls('falls').length, provider.calls('spare').length], [2, 2]);
        assert.equal(provider.calls('spare')[1].path, other.path);
    });

    test(label('a stream that is cut before its text falls back'), async () => {
        provider.on('falls', (call) => {
            call.open();
            call.send(dialect.events('falls', { text: ['x'] })[0]);
            call.cut();
        });
        provider.on('spare', saying(other, { text: ['from ', 'another'] }));
        assert.equal(textOf(await collect(await ask('falls', { stream: true }))), 'from another');
    });

    test(label('fallbacks in a row, over a provider that is not there'), async () => {
        provider.on('falls-twice', failing(dialect, 503, 'not today'));
        const { choices } = await ask('falls-twice');
        assert.equal(choices[0].message.content, 'Hello from the mock.');
    });

    test(label('a bad request does not go round the models'), async () => {
        provider.on('falls', failing(dialect, 400, 'no such parameter'));
        provider.on('again', failing(dialect, 400, 'no such parameter'));
        assert.ok(await failure(ask('again')) instanceof OpenAI.BadRequestError);
        assert.equal(provider.calls('again').length, 1);
    });
}


for (const sdk of sdks) {
    const { OpenAI } = sdk;
    const messages = [{ role: 'user', content: 'Hi' }];

    test(`${sdk.name}: a wrong key`, async () => {
        provider.on('never', () => assert.fail('a wrong key got through'));
        const stranger = sdk.client(url, { apiKey: 'sk-stranger' });
        for (const call of [
            () => stranger.chat.completions.create({ model: 'oa/never', messages }),
            () => stranger.chat.completions.create({ model: 'oa/never', messages, stream: true }),
            () => stranger.embeddings.create({ model: 'oa/never', input: 'x' }),
            () => stranger.models.list(),
        ]) {
            const error = await failure(call());
            assert.ok(error instanceof OpenAI.AuthenticationError, `${error.stack}`);
            assert.equal(error.status, 401);
            assert.ok(!error.message.includes('sk-stranger'));
        }
        assert.equal(provider.calls('never').length, 0);
    });

    test(`${sdk.name}: an unknown model`, async () => {
        const client = sdk.client(url);
        for (const stream of [false, true]) {
            const error = await failure(client.chat.completions.create({ model: 'no-such',
                messages, stream }));
            assert.ok(error instanceof OpenAI.BadRequestError, `${error.stack}`);
            assert.match(error.message, /no-such/);
        }
    });

    test(`${sdk.name}: a provider that is not there`, async () => {
        const error = await failure(sdk.client(url).chat.completions.create({ model: 'nowhere',
            messages }));
        assert.ok(error instanceof OpenAI.InternalServerError, `${error.stack}`);
        assert.ok(header(error, 'x-litellm-call-id'));
    });

    test(`${sdk.name}: bad requests`, async () => {
        const client = sdk.client(url);
        for (const body of [
            { messages },
            { model: 'hello' },
            { model: 'hello', messages: 'Hi' },
            { model: 'hello', messages, stream: 'perhaps' },
        ]) {
            const error = await failure(client.chat.completions.create(body));
            assert.ok(error instanceof OpenAI.BadRequestError, `${error.stack}`);
        }
    });

    test(`${sdk.name}: an unknown path`, async () => {
        const error = await failure(sdk.client(`${url}/nowhere`).chat.completions.create({
            model: 'hello', messages }));
        assert.ok(error instanceof OpenAI.NotFoundError, `${error.stack}`);
        assert.equal(typeof error.error.message, 'string');
    });
}
