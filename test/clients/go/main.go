// Asks a broker with github.com/sashabaranov/go-openai and prints what it makes of the responses as JSON.
//
//	go run . BASE_URL MODEL BUSY_MODEL BREAKING_MODEL BREAKING_MODEL
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	openai "github.com/sashabaranov/go-openai"
)

type streamed struct {
	Text   string `json:"text"`
	Finish string `json:"finish"`
	Tokens []int  `json:"tokens"`
	Call   string `json:"call"`
	Error  []any  `json:"error"`
}

func describe(err error) []any {
	var api *openai.APIError
	if errors.As(err, &api) {
		return []any{"APIError", fmt.Sprint(api.Code), api.Message}
	}
	return []any{fmt.Sprintf("%T", err), "", err.Error()}
}

func ask(client *openai.Client, model, content string, tools []openai.Tool) (all streamed) {
	request := openai.ChatCompletionRequest{
		Model:         model,
		Messages:      []openai.ChatCompletionMessage{{Role: "user", Content: content}},
		Tools:         tools,
		StreamOptions: &openai.StreamOptions{IncludeUsage: true},
	}
	stream, err := client.CreateChatCompletionStream(context.Background(), request)
	if err != nil {
		all.Error = describe(err)
		return
	}
	defer stream.Close()
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			all.Error = describe(err)
			return
		}
		if chunk.Usage != nil {
			all.Tokens = []int{chunk.Usage.PromptTokens, chunk.Usage.CompletionTokens}
		}
		for _, choice := range chunk.Choices {
			all.Text += choice.Delta.Content
			all.Finish += string(choice.FinishReason)
			for _, call := range choice.Delta.ToolCalls {
				all.Call += call.ID + call.Function.Name + call.Function.Arguments
			}
		}
	}
}

func main() {
	config := openai.DefaultConfig("x")
	config.BaseURL = os.Args[1]
	model, busy, breaking := os.Args[2], os.Args[3], os.Args[4]
	client := openai.NewClientWithConfig(config)
	weather := openai.Tool{Type: "function", Function: &openai.FunctionDefinition{
		Name:       "weather",
		Parameters: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`),
	}}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]streamed{
		"hello":   ask(client, model, "hello", nil),
		"tools":   ask(client, model, "tools", []openai.Tool{weather}),
		"broken":  ask(client, breaking, "hello", nil),
		"missing": ask(client, "no/such", "hello", nil),
		"busy":    ask(client, busy, "hello", nil),
	})
}
