import { check, openai } from './harness.mjs';

const client = openai();
const model = 'oai/chat';
const tool = (name) => ({
  type: 'function',
  function: {
    name, description: 'Looks something up', strict: true,
    parameters: { type: 'object', additionalProperties: false, required: ['city', 'days'],
      properties: { city: { type: 'string' }, days: { type: 'integer' } } },
  },
});
const tools = [tool('weather'), tool('trains')];
const ask = [{ role: 'user', content: 'What is the weather in Nairobi?' }];

function argumentsOf(call) {
  const v = JSON.parse(call.function.arguments);
  return [typeof v.city, Number.isInteger(v.days)];
}

await check('call', async () => {
  const r = await client.chat.completions.create({ model: model + '?tool=1', messages: ask, tools });
  const [call] = r.choices[0].message.tool_calls;
  return [r.choices[0].finish_reason, r.choices[0].message.content, call.type, call.function.name, /^call_/.test(call.id), argumentsOf(call)];
});
await check('parallel calls', async () => {
  const r = await client.chat.completions.create({ model: model + '?tool=2', messages: ask, tools, parallel_tool_calls: true });
  const calls = r.choices[0].message.tool_calls;
  return [calls.length, new Set(calls.map((c) => c.id)).size, calls.map(argumentsOf)];
});
await check('forced choice', async () => {
  const r = await client.chat.completions.create({ model, messages: ask, tools, tool_choice: { type: 'function', function: { name: 'trains' } } });
  return r.choices[0].message.tool_calls[0].function.name;
});
await check('result turn', async () => {
  const first = await client.chat.completions.create({ model: model + '?tool=2', messages: ask, tools });
  const message = first.choices[0].message;
  const results = message.tool_calls.map((c) => ({ role: 'tool', tool_call_id: c.id, content: '{"degrees":24}' }));
  const r = await client.chat.completions.create({ model, messages: [...ask, message, ...results], tools });
  return [r.choices[0].finish_reason, r.choices[0].message.content, r.choices[0].message.tool_calls ?? null];
});
await check('streamed calls', async () => {
  const calls = [];
  let pieces = 0;
  let finish;
  const stream = await client.chat.completions.create({ model: model + '?tool=2', messages: ask, tools, stream: true });
  for await (const chunk of stream) {
    finish = chunk.choices[0]?.finish_reason ?? finish;
    for (const d of chunk.choices[0]?.delta?.tool_calls ?? []) {
      const call = (calls[d.index] ??= { id: d.id, function: { name: d.function.name, arguments: '' } });
      call.function.arguments += d.function.arguments;
      pieces++;
    }
  }
  return [finish, calls.length, pieces > 4, calls.map(argumentsOf), calls.every((c) => /^call_/.test(c.id))];
});
await check('stream helper', async () => {
  const s = client.chat.completions.stream({ model: model + '?tool=1', messages: ask, tools });
  let done = 0;
  s.on('tool_calls.function.arguments.done', () => done++);
  const m = await s.finalMessage();
  return [done, m.tool_calls.length, argumentsOf(m.tool_calls[0])];
});
await check('runner', async () => {
  const seen = [];
  const runner = client.chat.completions.runTools({
    model, messages: ask,
    tools: [{ type: 'function', function: { ...tool('weather').function, parse: JSON.parse, function: (v) => { seen.push(typeof v.city); return '24'; } } }],
  });
  const text = await runner.finalContent();
  return [seen, text];
});
