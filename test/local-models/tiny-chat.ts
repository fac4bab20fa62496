// A managed model server whose every response is its process id: node tiny-chat.ts SOCKET
import { createServer } from 'node:http'

const body = JSON.stringify({
  id: 'tiny-1',
  object: 'chat.completion',
  model: 'tiny',
  choices: [
    { index: 0, message: { role: 'assistant', content: `I am ${process.pid}` }, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
})

createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json' }).end(body)
}).listen(process.argv[2])
