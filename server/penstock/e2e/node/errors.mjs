import { check, fault, hello, openai, stats } from './harness.mjs';

const client = openai();
const create = (model, options = {}, more = {}) => openai(options).chat.completions.create({ model, messages: hello, ...more });

await check('wrong key', () => fault(create('fast', { apiKey: 'sk-nobody-0123456789' })));
await check('unknown model', () => fault(create('gpt-none')));
await check('unknown model at the provider', () => fault(create('oai/nonexistent')));
await check('no model', () => fault(client.chat.completions.create({ messages: hello })));
await check('bad request of the provider', () => fault(create('oai/chat', {}, { messages: 5 })));
await check('unknown path', () => fault(client.post('/nothing', { body: {} })));
for (const status of [403, 409, 422, 429, 500, 503]) {
  await check(`status ${status}`, () => fault(create(`oai/chat?error=${status}`)));
}
await check('status 429 of a stream', () => fault(create('oai/chat?error=429', {}, { stream: true })));
await check('retry-after', async () => {
  const r = await create('oai/chat?error=429&retry=7').catch((e) => e.headers.get('retry-after'));
  return r;
});
await check('retries', async () => {
  const before = (await stats()).requests;
  const f = await fault(create('oai/chat?error=500', { maxRetries: 2 }));
  return [f.class, (await stats()).requests - before];
});
await check('no retry where waiting does not help', async () => {
  const before = (await stats()).requests;
  const f = await fault(create('oai/chat?error=quota', { maxRetries: 2 }));
  return [f.code, (await stats()).requests - before];
});
await check('timeout', () => fault(create('oai/chat?latency=1h', { timeout: 300 })));
await check('stream that fails', async () => {
  let text = '';
  const e = await (async () => {
    for await (const c of await create('oai/chat?fail=3', {}, { stream: true })) text += c.choices[0]?.delta?.content ?? '';
  })().catch((e) => e);
  return [text, e?.constructor?.name];
});
await check('stream that is reset', async () => {
  let text = '';
  const e = await (async () => {
    for await (const c of await create('oai/chat?reset=3', {}, { stream: true })) text += c.choices[0]?.delta?.content ?? '';
  })().catch((e) => e);
  return [text, e?.constructor?.name];
});
await check('responses stream that is reset', async () => {
  let last;
  const e = await (async () => {
    for await (const c of await client.responses.create({ model: 'oai/chat?reset=3', input: 'Hello', stream: true })) last = c.type;
  })().catch((e) => e);
  return last === 'error' || e instanceof Error;
});
