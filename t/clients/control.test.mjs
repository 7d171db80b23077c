// That the checks can fail: each guard of the other files, against something
// that behaves as it must not.  Where a library alone tells the right from the
// wrong behaviour, it talks to the provider without the gateway between them,
// so that what the gateway adds is seen as well.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { anthropic, dialects, openai, saying } from './lib/dialects.mjs';
import { MASTER, start } from './lib/gateway.mjs';
import { breaks, dropped, oneByOne, within } from './lib/guards.mjs';
import { gate, Provider } from './lib/provider.mjs';
import { collect, sdks, textOf } from './lib/sdk.mjs';

const { provider, url } = await start(after);
const messages = [{ role: 'user', content: 'Hi' }];


for (const sdk of sdks) {
    const through = sdk.client(url);
    const direct = sdk.client(`${provider.url}/v1`);
    const stream = (client, model) => client.chat.completions.create({ model, messages,
        stream: true });

    test(`${sdk.name}: a provider that holds its text back is not one by one`, async () => {
        const texts = ['one ', 'two'];
        const gates = [...texts, 'the end'].map(() => gate());
        provider.on('late', async (call) => {
            await gates[texts.length];
            await call.stream(openai.events('late', { text: texts }));
        });
        await assert.rejects(oneByOne(stream(through, 'oa/late'), texts,
            (i) => gates[i].open(), 200), /not within 200 ms/);
        gates.forEach((one) => one.open());
    });

    test(`${sdk.name}: texts that are joined are not one by one`, async () => {
        provider.on('joined', saying(openai, { text: ['one two'] }));
        await assert.rejects(oneByOne(stream(through, 'oa/joined'), ['one ', 'two'], () => {}),
            assert.AssertionError);
    });

    test(`${sdk.name}: a whole stream does not break`, async () => {
        provider.on('whole', saying(openai, { text: ['half'] }));
        await assert.rejects(breaks(await stream(through, 'oa/whole'), 'half', sdk.OpenAI),
            /Missing expected rejection/);
    });

    test(`${sdk.name}: a stream that breaks elsewhere is not taken for this one`, async () => {
        const events = openai.events('short', { text: ['half', 'whole'] }).slice(0, 3);
        provider.on('short', (call) => call.stream(events));
        await assert.rejects(breaks(await stream(through, 'oa/short'), 'half', sdk.OpenAI),
            assert.AssertionError);
    });

    test(`${sdk.name}: only the gateway makes a short stream an error`, async () => {
        const events = openai.events('short', { text: ['half', 'whole'] }).slice(0, 2);
        provider.on('short', (call) => call.stream(events));
        assert.equal(textOf(await collect(await stream(direct, 'short'))), 'half');
        await breaks(await stream(through, 'oa/short'), 'half', sdk.OpenAI);
    });

    test(`${sdk.name}: only the gateway makes Anthropic's answer OpenAI's`, async () => {
        provider.on('claude', (call) => call.answer(200,
            anthropic.answer('claude', { text: ['Hello'] })));
        const ask = (client, model) => client.chat.completions.create({ model, messages });
        assert.equal((await ask(direct, 'claude')).choices, undefined);
        assert.equal((await ask(through, 'an/claude')).choices[0].message.content, 'Hello');
    });

    test(`${sdk.name}: an answer that is over was not dropped`, async () => {
        provider.on('over', saying(openai, { text: ['x'] }));
        await through.chat.completions.create({ model: 'oa/over', messages });
        const call = await provider.call('over');
        // the gateway keeps the connection, and then the provider closes it
        await assert.rejects(dropped(call, 100), /not within 100 ms/);
        call.socket.destroy();
        await assert.rejects(dropped(call), /the answer was over before/);
    });
}


test('within() lets values and errors through', async () => {
    assert.equal(await within(Promise.resolve(1), 'x'), 1);
    await assert.rejects(within(Promise.reject(new Error('mine')), 'x'), /mine/);
});


for (const dialect of dialects) {
    test(`${dialect.name}: asked() tells requests apart`, () => {
        const body = (content) => ({ messages: [{ role: 'user', content }] });
        assert.notDeepEqual(dialect.asked(body('a')), dialect.asked(body('b')));
    });
}


// A gateway of its own that is stopped with something to complain about.
for (const [what, line] of [
    ['an alert', '2026/01/01 00:00:00 [alert] 1#1: worker process 2 exited on signal 11\n'],
    ['a sanitizer', '==1==ERROR: AddressSanitizer: heap-use-after-free\n'],
    ['a key', `upstream sent ${openai.key}\n`],
    ['the master key', `"Authorization: Bearer ${MASTER}"\n`],
]) {
    test(`the end of a test sees ${what} in the log`, async () => {
        let end;
        const { gateway } = await start((last) => { end = last; });
        gateway.log += line;
        await assert.rejects(end(), assert.AssertionError);
    });
}


test('the end of a test sees a fault of a script', async () => {
    let end;
    const { provider: own, url: address } = await start((last) => { end = last; });
    own.on('faulty', () => { throw new Error('mine'); });
    await assert.rejects(sdks[0].client(address).chat.completions.create({
        model: 'oa/faulty', messages }), sdks[0].OpenAI.InternalServerError);
    await assert.rejects(end(), assert.AssertionError);
});


for (const [name, value] of [['TEST_NGINX_MODULE', '/nonexistent/module.so'],
    ['TEST_NGINX_BINARY', '/nonexistent/nginx']])
{
    test(`a gateway that does not start is an error: ${name}`, async () => {
        const before = process.env[name];
        process.env[name] = value;
        try {
            await assert.rejects(start(() => {}), /nginx did not start/);
        } finally {
            if (before === undefined) {
                delete process.env[name];
            } else {
                process.env[name] = before;
            }
        }
    });
}


test('a provider without a script says so', async () => {
    const own = await Provider.start();
    const answer = await fetch(`${own.url}/v1/chat/completions`, { method: 'POST',
        body: JSON.stringify({ model: 'unheard-of', messages }) });
    assert.equal(answer.status, 404);
    await answer.text();
    await own.stop();
});
