// Checks that several tests make, apart so that control.test.mjs can show that
// each of them fails where it should.

import assert from 'node:assert/strict';


// The promise's value; an error when it takes longer than anything here should.
export async function within(promise, what, ms = 10000) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}


// Each text comes while the provider still holds the next one back: next(i)
// lets it write the i-th.  The stream must then end by itself.  It starts with
// its first text: before that its status is not decided.
export async function oneByOne(stream, texts, next, ms) {
    let chunks;
    for (const [i, text] of texts.entries()) {
        next(i);
        chunks ??= (await within(stream, 'the start', ms))[Symbol.asyncIterator]();
        let got = '';
        while (got === '') {
            const { value, done } = await within(chunks.next(), `text ${i}`, ms);
            assert.ok(!done, `the stream ended before text ${i}`);
            got = value.choices[0]?.delta?.content ?? '';
        }
        assert.equal(got, text);
    }
    next(texts.length);
    while (!(await within(chunks.next(), 'the end', ms)).done) {
        // finish reason and usage
    }
}


// The stream gives this text and then fails as the library's APIError.
export async function breaks(stream, text, { APIError, APIUserAbortError }) {
    let got = '';
    const read = async () => {
        for await (const chunk of stream) {
            got += chunk.choices[0]?.delta?.content ?? '';
        }
    };
    let error;
    await assert.rejects(within(read(), 'the error'), (reason) => { error = reason; return true; });
    assert.ok(error instanceof APIError, `${error?.stack}`);
    assert.ok(!(error instanceof APIUserAbortError));
    assert.equal(got, text);
    return error;
}


// The gateway gave up on a call, before its answer was over.
export async function dropped(call, ms) {
    assert.equal(await within(call.closed, 'the end of the connection', ms), true,
        'the answer was over before');
}
