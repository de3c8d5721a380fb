import { check, hello, openai } from './harness.mjs';

const client = openai();
const model = 'oai/chat';

async function collect(stream) {
  const out = { text: '', chunks: 0, usage: null, finish: null, ids: new Set() };
  for await (const chunk of stream) {
    out.chunks++;
    out.ids.add(chunk.id);
    if (chunk.usage) out.usage = chunk.usage.completion_tokens;
    out.text += chunk.choices[0]?.delta?.content ?? '';
    out.finish = chunk.choices[0]?.finish_reason ?? out.finish;
  }
  out.ids = out.ids.size;
  return out;
}

await check('create', async () => {
  const r = await client.chat.completions.create({ model, messages: hello });
  return [r.object, r.choices[0].message.content, r.choices[0].finish_reason, r.usage.completion_tokens, r.model];
});
await check('alias', async () => {
  const r = await client.chat.completions.create({ model: 'fast', messages: hello });
  return [r.usage.completion_tokens, r.model];
});
await check('request id', async () => {
  const r = await client.chat.completions.create({ model, messages: hello });
  return /^req_/.test(r._request_id);
});
await check('raw response', async () => {
  const { response, request_id } = await client.chat.completions.create({ model, messages: hello }).withResponse();
  return [response.status, response.headers.get('content-type'), request_id === response.headers.get('x-request-id'),
    response.headers.get('x-ratelimit-remaining-requests') !== null, response.headers.get('openai-organization')];
});
await check('stream', async () => collect(await client.chat.completions.create({ model, messages: hello, stream: true })));
await check('stream with usage', async () =>
  collect(await client.chat.completions.create({ model, messages: hello, stream: true, stream_options: { include_usage: true } })));
await check('stream helper', async () => {
  let deltas = '';
  const s = client.chat.completions.stream({ model, messages: hello });
  s.on('content', (delta) => (deltas += delta));
  const text = await s.finalContent();
  return [text, deltas === text];
});
await check('echo, every kind of character', async () => {
  const said = 'Grüße 🌍 "quoted" \\ back\nline\ttab 二 \u2028 \u0001 é';
  const messages = [{ role: 'user', content: said }];
  const whole = (await client.chat.completions.create({ model: model + '?echo', messages })).choices[0].message.content;
  const { text } = await collect(await client.chat.completions.create({ model: model + '?echo', messages, stream: true }));
  return [whole === said, text === said];
});
await check('several choices', async () => {
  const r = await client.chat.completions.create({ model, messages: hello, n: 3 });
  return r.choices.map((c) => c.index);
});
await check('length', async () => {
  const r = await client.chat.completions.create({ model, messages: hello, max_completion_tokens: 3 });
  return [r.choices[0].finish_reason, r.usage.completion_tokens];
});
await check('structured output', async () => {
  const schema = {
    type: 'object', additionalProperties: false, required: ['city', 'degrees'],
    properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
  };
  const r = await client.chat.completions.parse({
    model, messages: hello, response_format: { type: 'json_schema', json_schema: { name: 'weather', strict: true, schema } },
  });
  const v = JSON.parse(r.choices[0].message.content);
  return [typeof v.city, Number.isInteger(v.degrees)];
});
await check('body of 5 MB', async () => {
  const r = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'x'.repeat(5 << 20) }] });
  return [r.choices[0].message.content, r.usage.prompt_tokens > 1 << 20];
});
await check('answer of 5 MB', async () => {
  const r = await client.chat.completions.create({ model: model + '?tokens=5000&bytes=1000', messages: hello });
  return r.choices[0].message.content.length;
});
await check('30 streams at once', async () => {
  const all = await Promise.all([...Array(30).keys()].map(async (i) => {
    const n = 20 + i;
    const got = await collect(await client.chat.completions.create({ model: `${model}?tokens=${n}&tps=200`, messages: hello, stream: true,
      stream_options: { include_usage: true } }));
    return got.usage === n && got.finish === 'stop' && got.ids === 1;
  }));
  return all.filter(Boolean).length;
});
