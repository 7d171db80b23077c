// What a model says, in the wire format of two providers, and what it was
// asked, out of either.
//
// "say" is {text: [piece...], calls: [{id, name, args}], finish, usage: {in,
// out}}, every member optional; args is JSON text.  asked() brings requests of
// both dialects into one form, so that a test is written once:
// {system, turns: [{role, text, images, calls, results}], tools, stream}.
//
// The shapes are those of the API references of OpenAI (chat completions) and
// Anthropic (messages, streaming messages).

const USAGE = { in: 11, out: 7 };


function fill(say) {
    return { text: [], calls: [], usage: USAGE, ...say };
}


function pieces(text, size) {
    return text.match(new RegExp(`[^]{1,${size}}`, 'gu')) ?? [];
}


const sse = (event) => `data: ${JSON.stringify(event)}\n\n`;
const named = (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;


export const openai = {
    name: 'openai',
    group: (model) => `oa/${model}`,
    key: 'sk-upstream-openai',
    keySent: (headers) => headers.authorization?.replace(/^Bearer /, ''),
    path: '/v1/chat/completions',

    answer(model, say) {
        const { text, calls, finish, usage, refusal } = fill(say);
        const message = { role: 'assistant', content: text.length ? text.join('') : null,
            refusal: refusal ?? null };
        if (calls.length) {
            message.tool_calls = calls.map(({ id, name, args }) => (
                { id, type: 'function', function: { name, arguments: args } }));
        }
        return { id: 'chatcmpl-test', object: 'chat.completion', created: 1700000000, model,
            choices: [{ index: 0, message, logprobs: null,
                finish_reason: finish ?? (calls.length ? 'tool_calls' : 'stop') }],
            usage: { prompt_tokens: usage.in, completion_tokens: usage.out,
                total_tokens: usage.in + usage.out } };
    },

    events(model, say, withUsage) {
        const { text, calls, finish, usage } = fill(say);
        const chunk = (choices, more = {}) => sse({ id: 'chatcmpl-test',
            object: 'chat.completion.chunk', created: 1700000000, model, choices, ...more });
        const delta = (value, reason = null) => chunk([{ index: 0, delta: value,
            finish_reason: reason }]);

        const events = [delta({ role: 'assistant', content: text.length ? '' : null })];
        for (const piece of text) {
            events.push(delta({ content: piece }));
        }
        calls.forEach(({ id, name, args }, index) => {
            events.push(delta({ tool_calls: [{ index, id, type: 'function',
                function: { name, arguments: '' } }] }));
            for (const piece of pieces(args, 5)) {
                events.push(delta({ tool_calls: [{ index, function: { arguments: piece } }] }));
            }
        });
        events.push(delta({}, finish ?? (calls.length ? 'tool_calls' : 'stop')));
        if (withUsage) {
            events.push(chunk([], { usage: { prompt_tokens: usage.in,
                completion_tokens: usage.out, total_tokens: usage.in + usage.out } }));
        }
        events.push('data: [DONE]\n\n');
        return events;
    },

    error(status, message, type = 'invalid_request_error', code = null) {
        return { error: { message, type, param: null, code } };
    },

    asked(body) {
        const system = [];
        const turns = [];
        for (const message of body.messages) {
            const parts = typeof message.content === 'string'
                ? [{ type: 'text', text: message.content }] : message.content ?? [];
            const text = parts.filter((part) => part.type === 'text')
                .map((part) => part.text).join('');
            if (message.role === 'system' || message.role === 'developer') {
                system.push(text);
            } else if (message.role === 'tool') {
                // results of one turn are one turn, as in the other dialect
                const turn = turns.at(-1)?.results.length ? turns.at(-1)
                    : turns[turns.push({ role: 'user', text: '', images: [], calls: [],
                        results: [] }) - 1];
                turn.results.push({ id: message.tool_call_id, text });
            } else {
                turns.push({ role: message.role, text, results: [],
                    images: parts.filter((part) => part.type === 'image_url')
                        .map((part) => part.image_url.url),
                    calls: (message.tool_calls ?? []).map((call) => ({ id: call.id,
                        name: call.function.name, args: JSON.parse(call.function.arguments) })) });
            }
        }
        return { system: system.join('\n'), turns, stream: body.stream === true,
            tools: (body.tools ?? []).map((tool) => tool.function.name) };
    },
};


const STOP = { stop: 'end_turn', tool_calls: 'tool_use', length: 'max_tokens' };


export const anthropic = {
    name: 'anthropic',
    group: (model) => `an/${model}`,
    key: 'sk-upstream-anthropic',
    keySent: (headers) => headers['x-api-key'],
    path: '/v1/messages',

    answer(model, say) {
        const { text, calls, finish, usage } = fill(say);
        const content = text.length ? [{ type: 'text', text: text.join('') }] : [];
        for (const { id, name, args } of calls) {
            content.push({ type: 'tool_use', id, name, input: JSON.parse(args) });
        }
        return { id: 'msg_test', type: 'message', role: 'assistant', model, content,
            stop_reason: STOP[finish ?? (calls.length ? 'tool_calls' : 'stop')],
            stop_sequence: null,
            usage: { input_tokens: usage.in, output_tokens: usage.out } };
    },

    events(model, say) {
        const { text, calls, finish, usage } = fill(say);
        const events = [named({ type: 'message_start', message: { id: 'msg_test',
            type: 'message', role: 'assistant', model, content: [], stop_reason: null,
            stop_sequence: null, usage: { input_tokens: usage.in, output_tokens: 1 } } })];
        let index = 0;
        const block = (start, deltas) => {
            events.push(named({ type: 'content_block_start', index, content_block: start }));
            if (index === 0) {
                events.push(named({ type: 'ping' }));
            }
            for (const delta of deltas) {
                events.push(named({ type: 'content_block_delta', index, delta }));
            }
            events.push(named({ type: 'content_block_stop', index }));
            index++;
        };
        if (text.length) {
            block({ type: 'text', text: '' },
                text.map((piece) => ({ type: 'text_delta', text: piece })));
        }
        for (const { id, name, args } of calls) {
            block({ type: 'tool_use', id, name, input: {} }, ['', ...pieces(args, 5)]
                .map((piece) => ({ type: 'input_json_delta', partial_json: piece })));
        }
        events.push(named({ type: 'message_delta', delta: { stop_sequence: null,
            stop_reason: STOP[finish ?? (calls.length ? 'tool_calls' : 'stop')] },
        usage: { output_tokens: usage.out } }));
        events.push(named({ type: 'message_stop' }));
        return events;
    },

    error(status, message, type) {
        const types = { 400: 'invalid_request_error', 401: 'authentication_error',
            403: 'permission_error', 404: 'not_found_error', 429: 'rate_limit_error',
            529: 'overloaded_error' };
        return { type: 'error', error: { type: type ?? types[status] ?? 'api_error', message } };
    },

    asked(body) {
        const system = typeof body.system === 'string' ? body.system
            : (body.system ?? []).map((block) => block.text).join('\n');
        const turns = body.messages.map(({ role, content }) => {
            const blocks = typeof content === 'string' ? [{ type: 'text', text: content }]
                : content;
            const of = (type) => blocks.filter((block) => block.type === type);
            return { role, text: of('text').map((block) => block.text).join(''),
                images: of('image').map(({ source }) => (source.type === 'url' ? source.url
                    : `data:${source.media_type};base64,${source.data}`)),
                calls: of('tool_use').map(({ id, name, input }) => ({ id, name, args: input })),
                results: of('tool_result').map(({ tool_use_id: id, content: result }) => ({ id,
                    text: typeof result === 'string' ? result
                        : result.map((block) => block.text).join('') })) };
        });
        return { system, turns, stream: body.stream === true,
            tools: (body.tools ?? []).map((tool) => tool.name) };
    },
};


export const dialects = [openai, anthropic];


// A script that says the same to streaming and other clients; with a size, a
// stream goes out in pieces of so many bytes.
export function saying(dialect, say, size = 0) {
    return async (call) => {
        const { model, stream, stream_options: options } = call.json;
        if (stream) {
            await call.stream(dialect.events(model, say, options?.include_usage), size);
        } else {
            call.answer(200, dialect.answer(model, say));
        }
    };
}


export function failing(dialect, status, message, headers = {}) {
    return (call) => call.answer(status, dialect.error(status, message), headers);
}
