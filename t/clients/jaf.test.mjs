// Agents of @xynehq/jaf through makeLiteLLMProvider(), as its users set it up.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { z } from 'zod';

import { dialects, failing, saying } from './lib/dialects.mjs';
import { MASTER, start } from './lib/gateway.mjs';

// the library prints every request
for (const level of ['log', 'info', 'warn', 'error', 'debug']) {
    console[level] = () => {};
}

const { makeLiteLLMProvider } = await import('@xynehq/jaf/providers');
const { generateRunId, generateTraceId, run, runStream } = await import('@xynehq/jaf');
const { provider, url } = await start(after);

const gateway = makeLiteLLMProvider(url, MASTER);
// run() prefers the provider's streams where it has any
const wholeAnswers = { getCompletion: gateway.getCompletion };

const ASK = 'What is the weather in Bern?';
const CALL = { id: 'call_1', name: 'weather', args: '{"city":"Bern"}' };


function weather(seen) {
    return { schema: { name: 'weather', description: 'The weather of a city',
        parameters: z.object({ city: z.string() }) },
    execute: async (args) => {
        seen.push(args);
        return `${args.city}: sunny, 21°`;
    } };
}


function agent(model, more = {}) {
    return { name: 'Guide', instructions: () => 'You know the weather.',
        modelConfig: { name: model, temperature: 0.5, maxTokens: 200 }, ...more };
}


// [state, config] for run() and runStream()
function beginning(content, first, modelProvider, more = {}) {
    return [{ runId: generateRunId(), traceId: generateTraceId(),
        messages: [{ role: 'user', content }], currentAgentName: first.name, context: {},
        turnCount: 0 },
    { agentRegistry: new Map([[first.name, first]]), modelProvider, maxTurns: 5, ...more }];
}


for (const dialect of dialects) {
    for (const [how, modelProvider] of [['whole', wholeAnswers], ['streamed', gateway]]) {
        cases(dialect, how, modelProvider);
    }

    test(`JAF to ${dialect.name}: runStream() with a tool`, async () => {
        provider.on('events', (call) => saying(dialect, call.n === 0 ? { calls: [CALL] }
            : { text: ['It is ', 'sunny.'] })(call));
        const seen = [];
        const events = [];
        const guide = agent(dialect.group('events'), { tools: [weather(seen)] });
        for await (const event of runStream(...beginning(ASK, guide, gateway))) {
            events.push(event);
        }
        const of = (type) => events.filter((event) => event.type === type)
            .map(({ data }) => data);
        assert.equal(of('final_output')[0].output, 'It is sunny.');
        assert.equal(of('run_end')[0].outcome.status, 'completed');
        assert.deepEqual(of('tool_call_end').map(({ toolName }) => toolName), ['weather']);
        assert.deepEqual(seen, [{ city: 'Bern' }]);
        // the text as it grows
        const texts = of('assistant_message').map(({ message }) => message.content);
        assert.ok(texts.includes('It is '), JSON.stringify(texts));
        assert.deepEqual(of('token_usage').map(({ total }) => total), [18, 18]);
    });
}


function cases(dialect, how, modelProvider) {
    const label = (text) => `JAF to ${dialect.name}, ${how}: ${text}`;
    const streamed = how === 'streamed';

    test(label('an agent answers'), async () => {
        provider.on('plain', saying(dialect, { text: ['Sunny, ', 'größer als 世界.'] }));
        const { outcome } = await run(...beginning(ASK, agent(dialect.group('plain')),
            modelProvider));
        assert.deepEqual(outcome, { status: 'completed', output: 'Sunny, größer als 世界.' });
        const [call] = provider.calls('plain');
        const { system, turns, stream } = dialect.asked(call.json);
        assert.equal(system, 'You know the weather.');
        assert.deepEqual(turns.map(({ role, text }) => [role, text]), [['user', ASK]]);
        assert.equal(stream, streamed);
        assert.equal(call.json.max_tokens, 200);
        assert.equal(call.json.temperature, 0.5);
    });

    test(label('an agent uses a tool'), async () => {
        provider.on('tool', (call) => saying(dialect, call.n === 0
            ? { text: ['Let me look.'], calls: [CALL] } : { text: ['It is ', 'sunny.'] })(call));
        const seen = [];
        const { outcome, finalState } = await run(...beginning(ASK,
            agent(dialect.group('tool'), { tools: [weather(seen)] }), modelProvider));
        assert.deepEqual(outcome, { status: 'completed', output: 'It is sunny.' });
        assert.deepEqual(seen, [{ city: 'Bern' }]);
        assert.deepEqual(finalState.messages.map(({ role }) => role),
            ['user', 'assistant', 'tool', 'assistant']);

        const { tools, turns } = dialect.asked(provider.calls('tool')[1].json);
        assert.deepEqual(tools, ['weather']);
        assert.deepEqual(turns[1].calls, [{ id: 'call_1', name: 'weather',
            args: { city: 'Bern' } }]);
        assert.equal(turns[2].results[0].id, 'call_1');
        assert.match(turns[2].results[0].text, /Bern: sunny, 21°/);
    });

    test(label('two tools at once'), async () => {
        provider.on('both', (call) => saying(dialect, call.n === 0
            ? { calls: [CALL, { ...CALL, id: 'call_2', args: '{"city":"Basel"}' }] }
            : { text: ['Sunny in both.'] })(call));
        const seen = [];
        const { outcome } = await run(...beginning(ASK,
            agent(dialect.group('both'), { tools: [weather(seen)] }), modelProvider));
        assert.deepEqual(outcome, { status: 'completed', output: 'Sunny in both.' });
        assert.deepEqual(seen.map(({ city }) => city).sort(), ['Basel', 'Bern']);
        const { results } = dialect.asked(provider.calls('both')[1].json).turns.at(-1);
        assert.deepEqual(results.map(({ id }) => id), ['call_1', 'call_2']);
    });

    test(label('an answer by a schema'), async () => {
        const model = dialect.name === 'openai' ? 'gpt-4o' : 'claude-sonnet-4-5';
        provider.on(model, saying(dialect, { text: ['{"city":"Bern",', '"celsius":21}'] }));
        const { outcome } = await run(...beginning(ASK, agent(dialect.group(model), {
            outputCodec: z.object({ city: z.string(), celsius: z.number() }) }), modelProvider));
        assert.deepEqual(outcome, { status: 'completed', output: { city: 'Bern', celsius: 21 } });
    });

    test(label('one agent hands over to another'), async () => {
        provider.on('desk', saying(dialect, { calls: [{ id: 'call_1', name: 'handoff_to_agent',
            args: '{"agentName":"Guide","reason":"weather"}' }] }));
        provider.on('guide', saying(dialect, { text: ['Sunny.'] }));
        const { handoffTool } = await import('@xynehq/jaf');
        const desk = agent(dialect.group('desk'), { name: 'Desk', tools: [handoffTool],
            handoffs: ['Guide'] });
        // the API of Anthropic refuses calls in the history where no tool is
        const guide = agent(dialect.group('guide'), { tools: [weather([])] });
        const { outcome } = await run(...beginning(ASK, desk, modelProvider,
            { agentRegistry: new Map([['Desk', desk], ['Guide', guide]]) }));
        assert.deepEqual(outcome, { status: 'completed', output: 'Sunny.' });
    });

    test(label('a picture'), async () => {
        provider.on('picture', saying(dialect, { text: ['A dot.'] }));
        const guide = agent(dialect.group('picture'));
        const [state, config] = beginning('What is this?', guide, modelProvider);
        const { outcome } = await run({ ...state, messages: [{ role: 'user',
            content: 'What is this?', attachments: [{ kind: 'image', mimeType: 'image/png',
                data: 'iVBORw0KGgo=' }] }] }, config);
        assert.deepEqual(outcome, { status: 'completed', output: 'A dot.' });
        const [turn] = dialect.asked(provider.calls('picture')[0].json).turns;
        assert.deepEqual(turn.images, ['data:image/png;base64,iVBORw0KGgo=']);
    });

    test(label('the fallback of a model that fails'), async () => {
        const other = dialects.find((one) => one !== dialect);
        provider.on('falls', failing(dialect, 500, 'not today'));
        provider.on('spare', saying(other, { text: ['from ', 'another'] }));
        const { outcome } = await run(...beginning(ASK, agent(dialect.group('falls')),
            modelProvider));
        assert.deepEqual(outcome, { status: 'completed', output: 'from another' });
    });

    test(label('an error reaches the agent'), async () => {
        provider.on('fails', failing(dialect, 400, 'no such thing'));
        const { outcome } = await run(...beginning(ASK, agent(dialect.group('fails')),
            modelProvider));
        assert.equal(outcome.status, 'error');
        assert.match(JSON.stringify(outcome.error), /400|no such thing/);
    });

    test(label('a wrong key reaches the agent'), async () => {
        const stranger = makeLiteLLMProvider(url, 'sk-stranger');
        const { outcome } = await run(...beginning(ASK, agent('hello'), streamed ? stranger
            : { getCompletion: stranger.getCompletion }));
        assert.equal(outcome.status, 'error');
        assert.match(JSON.stringify(outcome.error), /401/);
    });
}
