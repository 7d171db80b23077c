// Streams: what the provider says comes through as it says it, and a stream
// that breaks is an error for the client, never a short answer.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { z } from 'zod';

import { dialects, openai, saying } from './lib/dialects.mjs';
import { start } from './lib/gateway.mjs';
import { breaks, dropped, oneByOne, within } from './lib/guards.mjs';
import { gate } from './lib/provider.mjs';
import { collect, sdks, textOf } from './lib/sdk.mjs';

const { provider, url } = await start(after);

const UNICODE = ['Grüße, ', '世界 ', '👩‍👩‍👧', '\u{1F9EA}\u0000\t"\\\u2028', ' end'];


for (const dialect of dialects) {
    for (const sdk of sdks) {
        cases(dialect, sdk);
    }
}


// The events up to and with the first that holds this text.
function upTo(events, text) {
    return events.slice(0, events.findIndex((event) => event.includes(text)) + 1);
}


function cases(dialect, sdk) {
    const client = sdk.client(url);
    const label = (text) => `${sdk.name} to ${dialect.name}: ${text}`;
    const ask = (model, more = {}) => ({ model: dialect.group(model),
        messages: [{ role: 'user', content: 'Hi' }], ...more });
    const stream = (model, more = {}, options = {}) => client.chat.completions.create(
        ask(model, { stream: true, ...more }), options);

    test(label('each text arrives before the next is sent'), async () => {
        const texts = ['one ', 'two ', 'three'];
        const gates = [...texts, 'the end'].map(() => gate());
        provider.on('live', async (call) => {
            call.open();
            let i = 0;
            await gates[0];
            for (const event of dialect.events('live', { text: texts })) {
                call.send(event);
                if (i < texts.length && event.includes(`"${texts[i]}"`)) {
                    await gates[++i];
                }
            }
            call.end();
        });
        await oneByOne(stream('live'), texts, (i) => gates[i].open());
    });

    for (const size of [1, 7, 64, 100000]) {
        test(label(`text in pieces of ${size} bytes`), async () => {
            provider.on('pieces', saying(dialect, { text: UNICODE }, size));
            const chunks = await collect(await stream('pieces'));
            assert.equal(textOf(chunks), UNICODE.join(''));
            assert.deepEqual(chunks.map((chunk) => chunk.choices[0]?.finish_reason)
                .filter(Boolean), ['stop']);
            assert.equal(chunks.find((chunk) => chunk.choices[0]?.delta?.role)
                .choices[0].delta.role, 'assistant');
            assert.deepEqual([...new Set(chunks.map((chunk) => chunk.object))],
                ['chat.completion.chunk']);
            assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
        });
    }

    test(label('usage where it is asked for, once, at the end'), async () => {
        provider.on('usage', saying(dialect, { text: ['x', 'y'] }));
        const chunks = await collect(await stream('usage',
            { stream_options: { include_usage: true } }));
        const last = chunks.at(-1);
        // no choice, or, as LiteLLM has it, one that says nothing
        assert.ok(last.choices.every(({ delta }) => Object.keys(delta).length === 0));
        assert.equal(last.usage.prompt_tokens, 11);
        assert.equal(last.usage.completion_tokens, 7);
        assert.equal(last.usage.total_tokens, 18);
        assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
        assert.equal(textOf(chunks), 'xy');
    });

    test(label('no usage where it is not asked for'), async () => {
        provider.on('no-usage', saying(dialect, { text: ['x', 'y'] }));
        const chunks = await collect(await stream('no-usage'));
        assert.deepEqual(chunks.filter((chunk) => chunk.usage || !chunk.choices.length), []);
        assert.equal(textOf(chunks), 'xy');
    });

    for (const size of [0, 1]) {
        test(label(`text and two calls, collected${size ? ', byte by byte' : ''}`), async () => {
            const calls = [{ id: 'call_a', name: 'weather', args: '{"city":"Zürich 世界"}' },
                { id: 'call_b', name: 'time', args: '{}' }];
            provider.on('calls', saying(dialect, { text: ['Let me ', 'see.'], calls }, size));
            const seen = [];
            const completion = await sdk.helpers(client).stream(ask('calls', { tools: [
                { type: 'function', function: { name: 'weather', parameters: {
                    type: 'object', properties: { city: { type: 'string' } } } } },
                { type: 'function', function: { name: 'time', parameters: {
                    type: 'object', properties: {} } } }] }))
                .on('tool_calls.function.arguments.done', ({ name }) => seen.push(name))
                .finalChatCompletion();
            const { message, finish_reason: reason } = completion.choices[0];
            assert.equal(reason, 'tool_calls');
            assert.equal(message.content, 'Let me see.');
            assert.deepEqual(message.tool_calls.map((call) => [call.id, call.type,
                call.function.name, JSON.parse(call.function.arguments)]),
            [['call_a', 'function', 'weather', { city: 'Zürich 世界' }],
                ['call_b', 'function', 'time', {}]]);
            assert.deepEqual(seen, ['weather', 'time']);
        });
    }

    test(label('runTools() on streams'), async () => {
        provider.on('run', (call) => saying(dialect, call.n === 0
            ? { calls: [{ id: 'call_1', name: 'add', args: '{"a":2,"b":40}' }] }
            : { text: ['It is ', '42.'] })(call));
        const seen = [];
        const runner = sdk.helpers(client).runTools({ ...ask('run'), stream: true,
            tools: [{ type: 'function', function: { name: 'add', description: 'Adds',
                parameters: { type: 'object', properties: { a: { type: 'number' },
                    b: { type: 'number' } } },
                parse: JSON.parse,
                function: ({ a, b }) => { seen.push([a, b]); return String(a + b); } } }] });
        assert.equal(await runner.finalContent(), 'It is 42.');
        assert.deepEqual(seen, [[2, 40]]);
        assert.deepEqual(dialect.asked(provider.calls('run')[1].json).turns.at(-1).results,
            [{ id: 'call_1', text: '42' }]);
    });

    test(label('a stream by a schema, parsed'), async () => {
        const model = dialect.name === 'openai' ? 'gpt-4o' : 'claude-sonnet-4-5';
        provider.on(model, saying(dialect, { text: ['{"city":', '"Bern"}'] }));
        const completion = await sdk.helpers(client).stream(ask(model, { response_format:
            sdk.zodResponseFormat(z.object({ city: z.string() }), 'place') }))
            .finalChatCompletion();
        assert.deepEqual(completion.choices[0].message.parsed, { city: 'Bern' });
    });

    test(label('3000 texts'), async () => {
        const texts = Array.from({ length: 3000 }, (_, i) => `${i} `);
        provider.on('long', saying(dialect, { text: texts }, 4096));
        assert.equal(textOf(await collect(await stream('long'))), texts.join(''));
    });

    test(label('a stream cut in the middle is an error'), async () => {
        const seen = gate();
        provider.on('cut', async (call) => {
            call.open();
            for (const event of upTo(dialect.events('cut', { text: ['half', 'whole'] }), 'half')) {
                call.send(event);
            }
            await seen;
            call.cut();
        });
        const response = await stream('cut');
        // the cut comes after the client has the first text
        seen.open();
        await breaks(response, 'half', sdk.OpenAI);
    });

    test(label('a stream that stops without its end is an error'), async () => {
        const events = upTo(dialect.events('short', { text: ['half', 'whole'] }), 'half');
        provider.on('short', (call) => call.stream(events));
        await breaks(await stream('short'), 'half', sdk.OpenAI);
    });

    test(label('an error of the provider in mid-stream'), async () => {
        const events = upTo(dialect.events('sick', { text: ['half', 'whole'] }), 'half');
        const error = dialect.error(529, 'Overloaded, sorry', 'overloaded_error');
        events.push(dialect.name === 'openai' ? `data: ${JSON.stringify(error)}\n\n`
            : `event: error\ndata: ${JSON.stringify(error)}\n\n`);
        provider.on('sick', (call) => call.stream(events));
        const { message } = await breaks(await stream('sick'), 'half', sdk.OpenAI);
        assert.match(message, /Overloaded, sorry/);
    });

    test(label('a stream cut before its first text is tried again'), async () => {
        provider.on('again', async (call) => {
            if (call.n > 0) {
                await saying(dialect, { text: ['second ', 'try'] })(call);
                return;
            }
            call.open();
            call.send(dialect.events('again', { text: ['first'] })[0]);
            call.cut();
        });
        assert.equal(textOf(await collect(await stream('again'))), 'second try');
        assert.equal(provider.calls('again').length, 2);
    });

    for (const [how, leave] of [
        ['abort() of its controller', async (chunks, response, abort) => {
            abort.abort();
            await within(chunks.next().catch(() => {}), 'the end');
        }],
        ['break out of the loop', (chunks) => chunks.return()],
        ['abort() of the stream', async (chunks, response) => {
            response.controller.abort();
            await within(chunks.next().catch(() => {}), 'the end');
        }],
    ]) {
        test(label(`the client goes in mid-stream: ${how}`), async () => {
            provider.on('leave', (call) => {
                call.open();
                for (const event of upTo(dialect.events('leave', { text: ['half'] }), 'half')) {
                    call.send(event);
                }
            });
            const abort = new AbortController();
            const response = await stream('leave', {}, { signal: abort.signal });
            const chunks = response[Symbol.asyncIterator]();
            while (!(await within(chunks.next(), 'text')).value.choices[0]?.delta?.content) {
                // the role
            }
            await leave(chunks, response, abort);
            await dropped(await provider.call('leave'));
        });
    }
}


for (const sdk of sdks) {
    const client = sdk.client(url);

    test(`${sdk.name}: mock_response, streamed`, async () => {
        const chunks = await collect(await client.chat.completions.create({ model: 'hello',
            messages: [{ role: 'user', content: 'Hi' }], stream: true }));
        assert.equal(textOf(chunks), 'Hello from the mock.');
        assert.equal(chunks.findLast((chunk) => chunk.choices[0]).choices[0].finish_reason, 'stop');
    });

    test(`${sdk.name}: two choices in one stream`, async () => {
        const events = openai.events('two', { text: ['a', 'b'] });
        const twice = events.flatMap((event) => (event.includes('[DONE]') ? [event]
            : [event, event.replace('"index":0', '"index":1').replace('"b"', '"c"')]));
        provider.on('two', (call) => call.stream(twice));
        const completion = await sdk.helpers(client).stream({ model: 'oa/two', n: 2,
            messages: [{ role: 'user', content: 'Hi' }] }).finalChatCompletion();
        assert.deepEqual(completion.choices.map(({ index, message, finish_reason: reason }) =>
            [index, message.content, reason]), [[0, 'ab', 'stop'], [1, 'ac', 'stop']]);
    });

    test(`${sdk.name}: a stream of text completions`, async () => {
        provider.on('old', (call) => call.stream([...['one ', 'two'].map((text, i) =>
            `data: ${JSON.stringify({ id: 'cmpl-test', object: 'text_completion',
                created: 1700000000, model: 'old', choices: [{ index: 0, text, logprobs: null,
                    finish_reason: i ? 'stop' : null }] })}\n\n`), 'data: [DONE]\n\n']));
        const chunks = await collect(await client.completions.create({ model: 'oa/old',
            prompt: 'Hi', stream: true }));
        assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(''), 'one two');
        assert.equal(provider.calls('old')[0].path, '/v1/completions');
    });
}
