import { GoogleGenAI } from '@google/genai'
import { GoogleGenAI as GoogleGenAI1 } from 'genai-1'

/** Google's own client over TCP on loopback: it takes no other. */
export function geminiClient(port: number, apiKey = 'unused'): GoogleGenAI {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `http://127.0.0.1:${port}` } })
}

/** The client of its first generation, which Gemini CLI carries. */
export function geminiClient1(port: number, apiKey = 'unused'): GoogleGenAI1 {
  return new GoogleGenAI1({ apiKey, httpOptions: { baseUrl: `http://127.0.0.1:${port}` } })
}
