import { anthropic, anthropicModule, check, fault, hello, stats, until } from './harness.mjs';

const client = await anthropic();
const model = 'claude/chat';
const base = { model, max_tokens: 1000, messages: hello };
const tool = (name) => ({
  name, description: 'Looks something up',
  input_schema: { type: 'object', required: ['city', 'days'], properties: { city: { type: 'string' }, days: { type: 'integer' } } },
});
const tools = [tool('weather'), tool('trains')];
const inputOf = (block) => [typeof block.input.city, Number.isInteger(block.input.days)];

await check('create', async () => {
  const m = await client.messages.create(base);
  return [m.type, m.role, m.content[0].text, m.stop_reason, m.usage.output_tokens, m.model, /^req_/.test(m._request_id)];
});
await check('length', async () => {
  const m = await client.messages.create({ ...base, max_tokens: 3 });
  return [m.stop_reason, m.usage.output_tokens];
});
await check('fields that nobody knows', async () => {
  const m = await client.messages.create({
    ...base,
    system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello', cache_control: { type: 'ephemeral' } }] }],
    metadata: { user_id: 'u' }, context_management: { edits: [] }, thread: null, tomorrow: { a: [1, null] },
  });
  return m.content[0].text;
});
await check('stream', async () => {
  const types = [];
  let text = '';
  let usage;
  for await (const e of await client.messages.create({ ...base, stream: true })) {
    if (types.at(-1) !== e.type) types.push(e.type);
    if (e.type === 'content_block_delta') text += e.delta.text;
    if (e.type === 'message_delta') usage = e.usage.output_tokens;
  }
  return [text, usage, types];
});
await check('stream helper', async () => {
  const s = client.messages.stream(base);
  let deltas = '';
  s.on('text', (t) => (deltas += t));
  const m = await s.finalMessage();
  return [m.content[0].text, deltas === m.content[0].text, m.stop_reason, m.usage.output_tokens];
});
await check('call', async () => {
  const m = await client.messages.create({ ...base, model: model + '?tool=1', tools });
  const block = m.content.find((b) => b.type === 'tool_use');
  return [m.stop_reason, block.name, /^toolu_/.test(block.id), inputOf(block)];
});
await check('streamed calls', async () => {
  const s = client.messages.stream({ ...base, model: model + '?tool=2', tools });
  let pieces = 0;
  s.on('streamEvent', (e) => { if (e.delta?.type === 'input_json_delta') pieces++; });
  const m = await s.finalMessage();
  const blocks = m.content.filter((b) => b.type === 'tool_use');
  return [m.stop_reason, blocks.length, pieces > 4, blocks.map(inputOf)];
});
await check('result turn', async () => {
  const first = await client.messages.create({ ...base, model: model + '?tool=2', tools });
  const results = first.content.filter((b) => b.type === 'tool_use').map((b) => ({ type: 'tool_result', tool_use_id: b.id, content: '24' }));
  const m = await client.messages.create({ ...base, tools, messages: [...hello, { role: 'assistant', content: first.content }, { role: 'user', content: results }] });
  return [m.stop_reason, m.content[0].text];
});
await check('count tokens', async () => (await client.messages.countTokens({ model, messages: hello })).input_tokens > 0);
await check('models', async () => {
  const names = [];
  for await (const m of client.models.list()) names.push([m.type, m.id].join(' '));
  return names.includes('model fast');
});
await check('model', async () => {
  const m = await client.models.retrieve('claude/chat');
  return [m.type, m.id];
});
await check('body of 5 MB', async () => (await client.messages.create({ ...base, messages: [{ role: 'user', content: 'x'.repeat(5 << 20) }] })).content[0].text);
await check('30 streams at once', async () => {
  const all = await Promise.all([...Array(30).keys()].map((i) =>
    client.messages.stream({ ...base, model: `${model}?tokens=${20 + i}&tps=200` }).finalMessage().then((m) => m.usage.output_tokens === 20 + i)));
  return all.filter(Boolean).length;
});

const errors = [['wrong key', base, { apiKey: 'sk-nobody-0123456789' }], ['unknown model', { ...base, model: 'claude-none' }, {}],
  ['unknown model at the provider', { ...base, model: 'claude/nonexistent' }, {}], ['no max_tokens', { model, messages: hello }, {}]];
for (const [name, body, options] of errors) await check(name, async () => fault((await anthropic(options)).messages.create(body)));
for (const status of [400, 403, 429, 500, 529]) {
  await check(`status ${status}`, () => fault(client.messages.create({ ...base, model: `${model}?error=${status}` })));
}
await check('envelope', async () => {
  const e = await client.messages.create({ ...base, model: `${model}?error=529` }).catch((e) => e);
  return [e.error.type, e.error.error.type, /^req_/.test(e.error.request_id), e.error.request_id === e.requestID];
});
await check('retries', async () => {
  const before = (await stats()).requests;
  const f = await fault((await anthropic({ maxRetries: 2 })).messages.create({ ...base, model: `${model}?error=500` }));
  return [f.class, (await stats()).requests - before];
});
await check('stream that fails', async () => {
  let text = '';
  const e = await (async () => {
    for await (const e of await client.messages.create({ ...base, model: `${model}?fail=3`, stream: true })) text += e.delta?.text ?? '';
  })().catch((e) => e);
  return [text, e?.error?.error?.type];
});
await check('stream that is reset', async () => {
  let text = '';
  const e = await (async () => {
    for await (const e of await client.messages.create({ ...base, model: `${model}?reset=3`, stream: true })) text += e.delta?.text ?? '';
  })().catch((e) => e);
  return [text, e?.error?.error?.type];
});

await check('abort', async () => {
  const before = (await stats()).cancelled;
  const stream = await client.messages.create({ ...base, model: `${model}?tps=50&tokens=1000000`, stream: true, max_tokens: 10000000 });
  for await (const e of stream) if (e.type === 'content_block_delta') stream.controller.abort();
  await until(async () => (await stats()).open === 0);
  return (await stats()).cancelled - before;
});
await check('abort of the helper', async () => {
  const { APIUserAbortError } = await anthropicModule();
  const before = (await stats()).cancelled;
  const s = client.messages.stream({ ...base, model: `${model}?tps=50&tokens=1000000`, max_tokens: 10000000 });
  s.on('text', () => s.abort());
  const e = await s.done().catch((e) => e);
  await until(async () => (await stats()).open === 0);
  return [e instanceof APIUserAbortError, (await stats()).cancelled - before];
});
