// The cache of answers: what is replayed is taken by the libraries as what the
// provider itself said, whichever form it was stored in: from memory, and from
// a Redis where one is installed.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { dialects, saying } from './lib/dialects.mjs';
import { start } from './lib/gateway.mjs';
import { collect, sdks, textOf } from './lib/sdk.mjs';

const { gateway, provider, url } = await start(after);

const SAY = { text: ['Grüße, ', '世界 ', '👩‍👩‍👧 "\\\n', 'x '.repeat(2000)],
    calls: [{ id: 'call_1', name: 'look', args: '{"where":"here","n":1}' },
        { id: 'call_2', name: 'look', args: '{"where":"there"}' }] };

const places = gateway.redis ? ['cached', 'redis'] : ['cached'];


for (const place of places) {
    test(`${place} is there`, () => ready(place));

    for (const sdk of sdks) {
        for (const first of ['stream', 'whole']) {
            for (const dialect of dialects) {
                cases(dialect, sdk, first, place);
            }
            details(sdk, first, place);
        }
    }
}


// Redis is there when what is stored in it is found.
async function ready(place) {
    const client = sdks[0].client(`${url}/${place}`);
    provider.on('warm', saying(dialects[0], { text: ['warm'] }));
    for (let n = 0; n < 200; n++) {
        const ask = { model: dialects[0].group('warm'),
            messages: [{ role: 'user', content: `${place} ${n}` }] };
        const before = provider.calls('warm').length;
        await client.chat.completions.create(ask);
        await client.chat.completions.create(ask);
        if (provider.calls('warm').length === before + 1) {
            return;
        }
        await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    assert.fail(`${place}: nothing is kept`);
}


function cases(dialect, sdk, first, place) {
    const client = sdk.client(`${url}/${place}`);
    const name = `${place}-${first}-${sdk.name.replace(' ', '')}`;
    const ask = { model: dialect.group(name), messages: [{ role: 'user', content: 'Hi' }],
        tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }] };
    const whole = () => client.chat.completions.create(ask);
    const stream = () => client.chat.completions.create({ ...ask, stream: true,
        stream_options: { include_usage: true } });

    test(`${sdk.name} to ${dialect.name}: one answer, a ${first} first (${place})`, async () => {
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


// Several choices, reasoning, usage only where it is asked for: as OpenAI's
// dialect has them.
function details(sdk, first, place) {
    const client = sdk.client(`${url}/${place}`);
    const name = `details-${place}-${first}-${sdk.name.replace(' ', '')}`;
    const usage = { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21,
        completion_tokens_details: { reasoning_tokens: 5 } };
    const common = { id: 'chatcmpl-two', created: 1700000000, model: 'm-1' };
    const said = [
        { reasoning_content: 'I think, ', content: 'One', finish: 'stop' },
        { reasoning_content: 'or not', content: 'Two, longer', finish: 'length' },
    ];
    const ask = { model: `oa/${name}`, messages: [{ role: 'user', content: 'Hi' }], n: 2 };
    const stream = (more = {}) => client.chat.completions.create({ ...ask, stream: true, ...more })
        .then(collect);

    function speak(call) {
        if (!call.json.stream) {
            call.answer(200, { ...common, object: 'chat.completion', usage,
                choices: said.map(({ finish, ...message }, index) => ({ index,
                    message: { role: 'assistant', ...message }, finish_reason: finish })) });
            return undefined;
        }
        const chunk = (choices, more = {}) => `data: ${JSON.stringify({ ...common,
            object: 'chat.completion.chunk', choices, ...more })}\n\n`;
        const delta = (index, value, reason = null) => chunk([{ index, delta: value,
            finish_reason: reason }]);
        return call.stream([
            ...said.map((choice, i) => delta(i, { role: 'assistant', content: '' })),
            ...said.map((choice, i) => delta(i, { reasoning_content: choice.reasoning_content })),
            // choices come in turns
            ...said.flatMap((choice, i) => [delta(i, { content: choice.content.slice(0, 2) })]),
            ...said.flatMap((choice, i) => [delta(i, { content: choice.content.slice(2) })]),
            ...said.map((choice, i) => delta(i, {}, choice.finish)),
            ...(call.json.stream_options?.include_usage ? [chunk([], { usage })] : []),
            'data: [DONE]\n\n',
        ]);
    }

    test(`${sdk.name}: choices, reasoning, usage, a ${first} first (${place})`, async () => {
        provider.on(name, speak);

        await (first === 'stream' ? stream({ stream_options: { include_usage: true } })
            : client.chat.completions.create(ask));

        const answer = await client.chat.completions.create(ask);
        const silent = await stream();
        const told = await stream({ stream_options: { include_usage: true } });

        assert.equal(provider.calls(name).length, 1);
        assert.deepEqual(answer.choices.map(({ index, message, finish_reason: finish }) =>
            [index, message.reasoning_content, message.content, finish]),
        said.map((choice, i) => [i, choice.reasoning_content, choice.content, choice.finish]));
        assert.equal(answer.usage.total_tokens, 21);

        for (const chunks of [silent, told]) {
            said.forEach((choice, i) => {
                const own = chunks.flatMap((chunk) => chunk.choices).filter(({ index }) => index === i);
                const text = (member) => own.map(({ delta }) => delta?.[member] ?? '').join('');
                assert.equal(text('content'), choice.content);
                assert.equal(text('reasoning_content'), choice.reasoning_content);
                assert.deepEqual(own.map(({ finish_reason: finish }) => finish).filter(Boolean),
                    [choice.finish]);
            });
            assert.deepEqual([...new Set(chunks.map(({ id }) => id))], ['chatcmpl-two']);
        }
        assert.ok(silent.every((chunk) => !chunk.usage));
        assert.equal(told.at(-1).usage.total_tokens, 21);
        assert.ok(told.at(-1).choices.every(({ delta }) => !Object.keys(delta).length));

        const helper = sdk.helpers(client).stream({ ...ask, stream: true,
            stream_options: { include_usage: true } });
        const final = await helper.finalChatCompletion();
        assert.deepEqual(final.choices.map(({ message }) => message.content),
            said.map(({ content }) => content));
        assert.equal(final.usage.total_tokens, 21);
        assert.equal(provider.calls(name).length, 1);
    });
}
