// An nginx with the module in front of the tests' provider.
//
// Models "oa/NAME" and "an/NAME" go to the provider as NAME, in OpenAI's and in
// Anthropic's dialect, so that every test has models of its own without any
// configuration; the others serve single tests.  stop() fails on whatever
// nginx or a sanitizer had to complain about.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { anthropic, openai } from './dialects.mjs';
import { Provider } from './provider.mjs';

export const MASTER = 'sk-clients-master-key';
export const GEMINI = 'AIza-upstream-gemini';

const yaml = (url) => {
    const oa = `api_base: "${url}/v1", api_key: ${openai.key}`;
    const an = `api_base: "${url}", api_key: ${anthropic.key}`;
    const groups = (name) => `
  - {model_name: "${openai.group(name)}", litellm_params: {model: "openai/${name}", ${oa}, num_retries: 0}}
  - {model_name: "${anthropic.group(name)}", litellm_params: {model: "anthropic/${name}", ${an}, num_retries: 0}}`;

    return `
model_list:${groups('*')}${groups('falls')}${groups('falls-twice')}
  - {model_name: "oa/again", litellm_params: {model: openai/again, ${oa}, num_retries: 2}}
  - {model_name: "an/again", litellm_params: {model: anthropic/again, ${an}, num_retries: 2}}
  - {model_name: "oa/slow", litellm_params: {model: openai/slow, ${oa}, num_retries: 0, timeout: 0.3}}
  - {model_name: "an/slow", litellm_params: {model: anthropic/slow, ${an}, num_retries: 0, timeout: 0.3}}
  - {model_name: "ge/*", litellm_params: {model: "gemini/*", api_base: "${url}/v1beta", api_key: ${GEMINI}, num_retries: 0}}
  - {model_name: "co/*", litellm_params: {model: "cohere/*", api_base: "${url}/v2/embed", api_key: ${GEMINI}, num_retries: 0}}
  - {model_name: nowhere, litellm_params: {model: openai/nowhere, api_base: "http://127.0.0.1:1/v1", api_key: k, num_retries: 0}}
  - {model_name: hello, litellm_params: {model: openai/gpt-4o-mini, mock_response: "Hello from the mock."}}
litellm_settings:
  num_retries: 0
  drop_params: true
  fallbacks:
    - {"${openai.group('falls')}": ["${anthropic.group('spare')}"]}
    - {"${anthropic.group('falls')}": ["${openai.group('spare')}"]}
    - {"${openai.group('falls-twice')}": ["nowhere", "hello"]}
    - {"${anthropic.group('falls-twice')}": ["nowhere", "hello"]}
general_settings:
  master_key: ${MASTER}
`;
};


// "redis": a unix socket, or undefined where no redis-server is installed
function conf(port, module, redis) {
    return `
daemon off;
worker_processes 1;
${process.getuid() === 0 ? 'user root;' : ''}
${module ? `load_module "${module}";` : ''}
pid nginx.pid;
error_log stderr info;

events {
    worker_connections 512;
}

http {
    access_log off;
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;

    litellm_config litellm.yaml;
    ${redis ? `litellm_redis unix:${redis};\n    litellm_redis_limits off;` : ''}

    server {
        listen 127.0.0.1:${port};

        location / {
            litellm;
        }

        location /cached/ {
            litellm;
            litellm_cache on;
            ${redis ? 'litellm_cache_redis off;' : ''}
        }

        ${redis ? `location /redis/ {
            litellm;
            litellm_cache on;
            litellm_cache_redis only timeout=10s;
        }` : ''}
    }
}
`;
}


async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}


class Gateway {
    log = '';

    async begin(provider) {
        this.provider = provider;
        this.dir = await mkdtemp(join(tmpdir(), 'litellm-clients-'));
        await mkdir(join(this.dir, 'temp'));
        await writeFile(join(this.dir, 'litellm.yaml'), yaml(provider.url));
        await this.#redis();

        // another process may take the port before nginx does
        for (let tries = 0; tries < 5; tries++) {
            if (await this.#spawn(await freePort())) {
                return;
            }
            if (!/bind\(\).*Address already in use/.test(this.log)) {
                break;
            }
        }
        await this.#clean();
        throw new Error(`nginx did not start:\n${this.log}`);
    }

    // this.redis: its socket, once it listens
    async #redis() {
        const path = join(this.dir, 'redis.sock');
        const child = spawn('redis-server', ['--port', '0', '--unixsocket', path, '--save', '',
            '--appendonly', 'no', '--dir', this.dir], { stdio: ['ignore', 'pipe', 'ignore'] });
        const ended = once(child, 'close').catch(() => []);
        const ready = new Promise((resolve) => {
            let out = '';
            child.stdout.setEncoding('utf8').on('data', (text) => {
                out += text;
                if (/ready to accept connections/i.test(out)) {
                    resolve(true);
                }
            });
        });
        if (await Promise.race([ready, ended.then(() => false)])) {
            this.redis = path;
            this.stopRedis = () => { child.kill('SIGKILL'); return ended; };
        }
    }

    // true once a worker runs: the listening socket was open before
    async #spawn(port) {
        this.log = '';
        this.url = `http://127.0.0.1:${port}`;
        await writeFile(join(this.dir, 'nginx.conf'), conf(port, process.env.TEST_NGINX_MODULE, this.redis));
        this.child = spawn(process.env.TEST_NGINX_BINARY || 'nginx',
            ['-p', `${this.dir}/`, '-c', 'nginx.conf', '-e', 'stderr'],
            { stdio: ['ignore', 'inherit', 'pipe'],
                env: { ASAN_OPTIONS: 'detect_leaks=0:detect_odr_violation=0',
                    UBSAN_OPTIONS: 'print_stacktrace=1', ...process.env } });
        // a program that is not there has an error and no end
        this.ended = once(this.child, 'close').catch((error) => {
            this.log += error.message;
            return [null, null];
        });
        const started = new Promise((resolve) => {
            this.child.stderr.setEncoding('utf8').on('data', (text) => {
                this.log += text;
                if (/start worker process \d+\n/.test(this.log)) {
                    resolve(true);
                }
            });
        });
        return Promise.race([started, this.ended.then(() => false)]);
    }

    async #clean() {
        await this.stopRedis?.();
        return rm(this.dir, { recursive: true });
    }

    async stop() {
        this.child.kill('SIGQUIT');
        const [code, signal] = await this.ended;
        await this.#clean();
        const bad = this.log.split('\n').filter((line) =>
            /\[(alert|crit|emerg)\]|Sanitizer|runtime error:/.test(line));
        assert.deepEqual(bad, [], this.log);
        assert.deepEqual([code, signal], [0, null]);
        for (const secret of [MASTER, GEMINI, openai.key, anthropic.key]) {
            assert.ok(!this.log.includes(secret), 'a key in the error log');
        }
    }
}


// A gateway and its provider; give it the after() of node:test.
export async function start(after) {
    const provider = await Provider.start();
    const gateway = new Gateway();
    try {
        await gateway.begin(provider);
    } catch (error) {
        await provider.stop();
        throw error;
    }
    after(async () => {
        try {
            await gateway.stop();
        } finally {
            await provider.stop();
        }
        assert.deepEqual(provider.faults, []);
    });
    return { gateway, provider, url: gateway.url };
}
