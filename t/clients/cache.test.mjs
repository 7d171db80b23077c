// The cache of answers: what is replayed is taken by the libraries as what the
// provider itself said, whichever form it was stored in.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { dialects, saying } from './lib/dialects.mjs';
import { start } from './lib/gateway.mjs';
import { collect, sdks, textOf } from './lib/sdk.mjs';

const { provider, url } = await start(after);

const SAY = { text: ['Grüße, ', '世界 ', '👩‍👩‍👧 "\\\n', 'x '.repeat(2000)],
    calls: [{ id: 'call_1', name: 'look', args: '{"where":"here","n":1}' },
        { id: 'call_2', name: 'look', args: '{"where":"there"}' }] };

const cached = `${url}/cached`;


for (const dialect of dialects) {
    for (const sdk of sdks) {
        for (const first of ['stream', 'whole']) {
            cases(dialect, sdk, first);
        }
    }
}


function cases(dialect, sdk, first) {
    const client = sdk.client(cached);
    const name = `cached-${first}-${sdk.name.replace(' ', '')}`;
    const ask = { model: dialect.group(name), messages: [{ role: 'user', content: 'Hi' }],
        tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }] };
    const whole = () => client.chat.completions.create(ask);
    const stream = () => client.chat.completions.create({ ...ask, stream: true,
        stream_options: { include_usage: true } });

    test(`${sdk.name} to ${dialect.name}: one answer, a ${first} first`, async () => {
        provider.on(name, saying(dialect, SAY));
        const before = provider.calls(name).length;

        await (first === 'stream' ? stream().then(collect) : whole());

        const answer = await whole();
        const chunks = await collect(await stream());
        const { message } = answer.choices[0];

        assert.equal(message.content, SAY.text.join(''));
        assert.equal(textOf(chunks), message.content);
        assert.deepEqual(message.tool_calls.map((call) => [call.id, call.function.name,
            JSON.parse(call.function.arguments)]),
            SAY.calls.map(({ id, name: tool, args }) => [id, tool, JSON.parse(args)]));
        assert.equal(chunks[0].id, answer.id);
        assert.equal(chunks[0].choices[0].delta.role, 'assistant');
        assert.deepEqual(chunks.at(-1).usage.total_tokens, answer.usage.total_tokens);

        const helper = sdk.helpers(client).stream({ ...ask, stream: true });
        const final = await helper.finalChatCompletion();
        assert.equal(final.choices[0].message.content, message.content);
        assert.equal(final.choices[0].finish_reason, 'tool_calls');
        assert.deepEqual(final.choices[0].message.tool_calls.map((call) => call.function.arguments),
            message.tool_calls.map((call) => call.function.arguments));

        assert.equal(provider.calls(name).length, before + 1);
    });
}
