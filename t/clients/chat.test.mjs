// Whole answers: what a client asks reaches the provider in its dialect, and
// what the provider says reaches the client in OpenAI's.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { z } from 'zod';

import { dialects, openai, saying } from './lib/dialects.mjs';
import { start } from './lib/gateway.mjs';
import { sdks } from './lib/sdk.mjs';

const { provider, url } = await start(after);

const UNICODE = 'Grüße, 世界 👩‍👩‍👧 \u{1F9EA} é \u0000\t"\\\u2028 end';
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const TOOLS = [
    { type: 'function', function: { name: 'weather', description: 'The weather of a city',
        parameters: { type: 'object', properties: { city: { type: 'string' } },
            required: ['city'] } } },
    { type: 'function', function: { name: 'time', description: 'The time now',
        parameters: { type: 'object', properties: {} } } },
];


for (const dialect of dialects) {
    for (const sdk of sdks) {
        cases(dialect, sdk);
    }
}


function cases(dialect, sdk) {
    const client = sdk.client(url);
    const label = (text) => `${sdk.name} to ${dialect.name}: ${text}`;
    const ask = (model, content, more = {}) => client.chat.completions.create({
        model: dialect.group(model), messages: [{ role: 'user', content }], ...more });
    const asked = (model, n = 0) => dialect.asked(provider.calls(model)[n].json);

    test(label('a text'), async () => {
        provider.on('text', saying(dialect, { text: ['Hello ', 'there'] }));
        const { data, response } = await ask('text', 'Hi').withResponse();

        assert.equal(data.object, 'chat.completion');
        assert.equal(data.choices.length, 1);
        assert.equal(data.choices[0].message.role, 'assistant');
        assert.equal(data.choices[0].message.content, 'Hello there');
        assert.equal(data.choices[0].finish_reason, 'stop');
        assert.equal(data.usage.prompt_tokens, 11);
        assert.equal(data.usage.completion_tokens, 7);
        assert.equal(data.usage.total_tokens, 18);
        assert.equal(response.headers.get('x-litellm-model-group'), dialect.group('text'));
        assert.ok(response.headers.get('x-litellm-call-id'));

        const [call] = provider.calls('text');
        assert.equal(call.path, dialect.path);
        assert.equal(dialect.keySent(call.headers), dialect.key);
        assert.ok(!JSON.stringify(call.headers).includes(client.apiKey), 'the master key leaked');
        assert.deepEqual(asked('text'), { system: '', tools: [], stream: false,
            turns: [{ role: 'user', text: 'Hi', images: [], calls: [], results: [] }] });
    });

    test(label('a system message and several turns'), async () => {
        provider.on('turns', saying(dialect, { text: ['4'] }));
        const { choices } = await client.chat.completions.create({
            model: dialect.group('turns'), messages: [
                { role: 'system', content: 'Be short.' },
                { role: 'user', content: '1+1' },
                { role: 'assistant', content: '2' },
                { role: 'user', content: [{ type: 'text', text: '2+' },
                    { type: 'text', text: '2' }] },
            ] });
        assert.equal(choices[0].message.content, '4');
        const { system, turns } = asked('turns');
        assert.equal(system, 'Be short.');
        assert.deepEqual(turns.map(({ role, text }) => [role, text]),
            [['user', '1+1'], ['assistant', '2'], ['user', '2+2']]);
    });

    test(label('parameters'), async () => {
        provider.on('parameters', saying(dialect, { text: ['cut'], finish: 'length' }));
        const { choices } = await ask('parameters', 'Hi', { max_tokens: 77, temperature: 0.25,
            top_p: 0.5, stop: ['END'] });
        assert.equal(choices[0].finish_reason, 'length');
        const body = provider.calls('parameters')[0].json;
        assert.equal(body.max_tokens, 77);
        assert.equal(body.temperature, 0.25);
        assert.equal(body.top_p, 0.5);
        assert.deepEqual(body.stop ?? body.stop_sequences, ['END']);
    });

    test(label('two calls of tools, their results, the answer'), async () => {
        const calls = [{ id: 'call_a', name: 'weather', args: '{"city":"Zürich"}' },
            { id: 'call_b', name: 'time', args: '{}' }];
        provider.on('tools', (call) => saying(dialect, call.n === 0 ? { text: ['Let me see.'],
            calls } : { text: ['Sunny at noon.'] })(call));

        const messages = [{ role: 'user', content: 'Weather and time?' }];
        const model = dialect.group('tools');
        const first = await client.chat.completions.create({ model, messages, tools: TOOLS,
            tool_choice: 'auto' });
        const { message, finish_reason: reason } = first.choices[0];
        assert.equal(reason, 'tool_calls');
        assert.equal(message.content, 'Let me see.');
        assert.deepEqual(message.tool_calls.map((call) => [call.id, call.type,
            call.function.name, JSON.parse(call.function.arguments)]),
        [['call_a', 'function', 'weather', { city: 'Zürich' }], ['call_b', 'function', 'time', {}]]);
        assert.deepEqual(asked('tools').tools, ['weather', 'time']);

        messages.push(message,
            { role: 'tool', tool_call_id: 'call_a', content: 'sunny' },
            { role: 'tool', tool_call_id: 'call_b', content: '12:00' });
        const second = await client.chat.completions.create({ model, messages, tools: TOOLS });
        assert.equal(second.choices[0].message.content, 'Sunny at noon.');
        const { turns } = asked('tools', 1);
        assert.deepEqual(turns.map((turn) => turn.role), ['user', 'assistant', 'user']);
        assert.deepEqual(turns[1].calls, [{ id: 'call_a', name: 'weather',
            args: { city: 'Zürich' } }, { id: 'call_b', name: 'time', args: {} }]);
        assert.deepEqual(turns[2].results, [{ id: 'call_a', text: 'sunny' },
            { id: 'call_b', text: '12:00' }]);
    });

    test(label('runTools() goes on until the answer'), async () => {
        provider.on('run', (call) => saying(dialect, call.n < 2
            ? { calls: [{ id: `call_${call.n}`, name: 'add', args: `{"a":${call.n},"b":40}` }] }
            : { text: ['Done.'] })(call));
        const seen = [];
        const runner = sdk.helpers(client).runTools({ model: dialect.group('run'),
            messages: [{ role: 'user', content: 'add' }],
            tools: [{ type: 'function', function: { name: 'add', description: 'Adds',
                parameters: { type: 'object', properties: { a: { type: 'number' },
                    b: { type: 'number' } } },
                parse: JSON.parse,
                function: ({ a, b }) => { seen.push([a, b]); return String(a + b); } } }] });
        assert.equal(await runner.finalContent(), 'Done.');
        assert.deepEqual(seen, [[0, 40], [1, 40]]);
        const { turns } = asked('run', 2);
        assert.deepEqual(turns.map(({ results }) => results).flat(),
            [{ id: 'call_0', text: '40' }, { id: 'call_1', text: '41' }]);
    });

    test(label('an answer by a schema, parsed'), async () => {
        const model = dialect.name === 'openai' ? 'gpt-4o' : 'claude-sonnet-4-5';
        provider.on(model, saying(dialect, { text: ['{"city":"Bern",', '"celsius":21}'] }));
        const { choices } = await sdk.helpers(client).parse({ model: dialect.group(model),
            messages: [{ role: 'user', content: 'Weather of Bern' }],
            response_format: sdk.zodResponseFormat(
                z.object({ city: z.string(), celsius: z.number() }), 'weather') });
        assert.deepEqual(choices[0].message.parsed, { city: 'Bern', celsius: 21 });
        const body = provider.calls(model)[0].json;
        const schema = body.response_format?.json_schema.schema
            ?? body.output_config?.format.schema;
        assert.deepEqual(schema.required, ['city', 'celsius']);
    });

    test(label('a picture as data'), async () => {
        provider.on('picture', saying(dialect, { text: ['A dot.'] }));
        const image = `data:image/png;base64,${PNG}`;
        const { choices } = await ask('picture', [{ type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: image } },
            { type: 'image_url', image_url: { url: 'https://pictures.example.com/a.png' } }]);
        assert.equal(choices[0].message.content, 'A dot.');
        assert.deepEqual(asked('picture').turns[0].images,
            [image, 'https://pictures.example.com/a.png']);
    });

    test(label('any text, both ways'), async () => {
        provider.on('unicode', saying(dialect, { text: [UNICODE] }));
        const { choices } = await ask('unicode', UNICODE);
        assert.equal(choices[0].message.content, UNICODE);
        assert.equal(asked('unicode').turns[0].text, UNICODE);
    });

    test(label('200 KB both ways'), async () => {
        const long = 'A line of many "quoted" words, größer.\n'.repeat(5200);
        assert.ok(Buffer.byteLength(long) > 200000);
        provider.on('long', saying(dialect, { text: [long] }));
        const { choices } = await ask('long', long);
        assert.ok(choices[0].message.content === long, 'the answer differs');
        assert.ok(asked('long').turns[0].text === long, 'the prompt differs');
    });

    test(label('twenty at once'), async () => {
        provider.on('many', (call) => saying(dialect,
            { text: [`re: ${dialect.asked(call.json).turns[0].text}`] })(call));
        const words = Array.from({ length: 20 }, (_, i) => `question ${i}`);
        const answers = await Promise.all(words.map((word) => ask('many', word)));
        assert.deepEqual(answers.map(({ choices }) => choices[0].message.content),
            words.map((word) => `re: ${word}`));
    });
}


for (const sdk of sdks) {
    const client = sdk.client(url);

    test(`${sdk.name}: mock_response`, async () => {
        const { choices } = await client.chat.completions.create({ model: 'hello',
            messages: [{ role: 'user', content: 'Hi' }] });
        assert.equal(choices[0].message.content, 'Hello from the mock.');
    });

    test(`${sdk.name}: what only OpenAI has comes through`, async () => {
        const answer = openai.answer('raw', { text: ['x'] });
        answer.choices[0].logprobs = { content: [{ token: 'x', logprob: -0.5, bytes: [120],
            top_logprobs: [] }], refusal: null };
        answer.choices.push({ ...answer.choices[0], index: 1 });
        answer.system_fingerprint = 'fp_test';
        answer.usage.prompt_tokens_details = { cached_tokens: 4, audio_tokens: 0 };
        provider.on('raw', (call) => call.answer(200, answer));

        const data = await client.chat.completions.create({ model: 'oa/raw', n: 2,
            logprobs: true, seed: 7, logit_bias: { 50256: -100 }, user: 'someone',
            messages: [{ role: 'user', content: 'Hi', name: 'bob' }] });
        assert.deepEqual(data.choices, answer.choices);
        assert.equal(data.system_fingerprint, 'fp_test');
        assert.equal(data.usage.prompt_tokens_details.cached_tokens, 4);
        assert.deepEqual(provider.calls('raw')[0].json, { model: 'raw', n: 2, logprobs: true,
            seed: 7, logit_bias: { 50256: -100 }, user: 'someone',
            messages: [{ role: 'user', content: 'Hi', name: 'bob' }] });
    });
}
