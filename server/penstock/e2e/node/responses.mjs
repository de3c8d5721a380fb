import { check, openai } from './harness.mjs';

const client = openai();
const model = 'oai/chat';
const tools = [{
  type: 'function', name: 'weather', strict: true,
  parameters: { type: 'object', additionalProperties: false, required: ['city'], properties: { city: { type: 'string' } } },
}];

await check('create', async () => {
  const r = await client.responses.create({ model, input: 'Hello' });
  return [r.object, r.status, r.output_text, r.usage.output_tokens, /^req_/.test(r._request_id)];
});
await check('stream', async () => {
  let text = '';
  const types = [];
  let next = 0;
  let inOrder = true;
  let usage;
  for await (const e of await client.responses.create({ model, input: 'Hello', stream: true })) {
    if (types.at(-1) !== e.type) types.push(e.type);
    inOrder &&= e.sequence_number === next++;
    if (e.type === 'response.output_text.delta') text += e.delta;
    if (e.type === 'response.completed') usage = e.response.usage.output_tokens;
  }
  return [text, inOrder, usage, types];
});
await check('call', async () => {
  const r = await client.responses.create({ model: model + '?tool=1', input: 'Weather?', tools });
  const call = r.output.find((o) => o.type === 'function_call');
  return [call.name, typeof JSON.parse(call.arguments).city];
});
await check('result turn', async () => {
  const first = await client.responses.create({ model: model + '?tool=1', input: 'Weather?', tools });
  const call = first.output.find((o) => o.type === 'function_call');
  const r = await client.responses.create({
    model, tools,
    input: [{ role: 'user', content: 'Weather?' }, ...first.output, { type: 'function_call_output', call_id: call.call_id, output: '24' }],
  });
  return r.output_text;
});
await check('streamed call', async () => {
  let pieces = '';
  let whole;
  for await (const e of await client.responses.create({ model: model + '?tool=1', input: 'Weather?', tools, stream: true })) {
    if (e.type === 'response.function_call_arguments.delta') pieces += e.delta;
    if (e.type === 'response.function_call_arguments.done') whole = e.arguments;
  }
  return [pieces === whole, typeof JSON.parse(whole).city];
});
await check('stream helper', async () => {
  const r = await client.responses.stream({ model, input: 'Hello' }).finalResponse();
  return r.output_text;
});
await check('input tokens', async () => {
  const r = await client.responses.inputTokens.count({ model, input: 'Hello there' });
  return r.input_tokens > 0;
});
