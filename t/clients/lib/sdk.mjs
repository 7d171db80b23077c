// The "openai" library in the two major versions that are in use: 4, which
// brings its own HTTP client and is what @xynehq/jaf uses, and 6, which uses
// node's fetch().  What moved between them has one name here.

import OpenAI4 from 'openai-4';
import { zodResponseFormat as format4 } from 'openai-4/helpers/zod';
import OpenAI6 from 'openai';
import { zodResponseFormat as format6 } from 'openai/helpers/zod';

import { MASTER } from './gateway.mjs';


function sdk(name, OpenAI, zodResponseFormat, helpers) {
    return {
        name, OpenAI, zodResponseFormat, helpers,
        // retries are the gateway's here
        client: (url, options = {}) => new OpenAI({ baseURL: url, apiKey: MASTER,
            maxRetries: 0, timeout: 20000, ...options }),
    };
}


export const sdks = [
    sdk('openai 6', OpenAI6, format6, (client) => client.chat.completions),
    sdk('openai 4', OpenAI4, format4, (client) => client.beta.chat.completions),
];


// The value of a header of a library's error, whose headers are a Headers or
// an object.
export function header(error, name) {
    return error.headers?.get ? error.headers.get(name) : error.headers?.[name];
}


// All chunks of a stream.
export async function collect(stream) {
    const chunks = [];
    for await (const chunk of stream) {
        chunks.push(chunk);
    }
    return chunks;
}


export function textOf(chunks) {
    return chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join('');
}
