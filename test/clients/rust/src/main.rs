//! Asks a broker with async-openai and prints what it makes of the responses as JSON.
//!
//! cargo run -- BASE_URL MODEL BUSY_MODEL BREAKING_MODEL BREAKING_MODEL

use async_openai::{
    config::OpenAIConfig,
    error::OpenAIError,
    types::{
        ChatCompletionRequestUserMessageArgs, ChatCompletionStreamOptions, ChatCompletionTool,
        CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
    },
    Client,
};
use futures::StreamExt;
use serde_json::{json, Value};

fn request(model: &str, content: &str) -> CreateChatCompletionRequest {
    let user = ChatCompletionRequestUserMessageArgs::default()
        .content(content)
        .build()
        .unwrap();
    let mut built = CreateChatCompletionRequestArgs::default();
    built.model(model).messages([user.into()]);
    if content == "tools" {
        let tool: ChatCompletionTool = serde_json::from_value(json!({
            "type": "function",
            "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
        }))
        .unwrap();
        built.tools(vec![tool]);
    }
    built.build().unwrap()
}

fn described(error: OpenAIError) -> Value {
    match error {
        OpenAIError::ApiError(api) => json!(["ApiError", api.code, api.param, api.message]),
        other => json!([other.to_string()]),
    }
}

async fn streamed(client: &Client<OpenAIConfig>, model: &str, content: &str) -> Value {
    let mut asked = request(model, content);
    asked.stream_options = Some(ChatCompletionStreamOptions { include_usage: true });
    let mut stream = match client.chat().create_stream(asked).await {
        Ok(stream) => stream,
        Err(error) => return json!({"error": described(error)}),
    };
    let (mut text, mut finish, mut call, mut tokens) = (String::new(), String::new(), String::new(), vec![]);
    while let Some(next) = stream.next().await {
        let chunk = match next {
            Ok(chunk) => chunk,
            Err(error) => return json!({"text": text, "error": described(error)}),
        };
        if let Some(usage) = chunk.usage {
            tokens = vec![usage.prompt_tokens, usage.completion_tokens];
        }
        for choice in chunk.choices {
            text += choice.delta.content.as_deref().unwrap_or("");
            if let Some(reason) = choice.finish_reason {
                finish += serde_json::to_value(reason).unwrap().as_str().unwrap_or("");
            }
            for piece in choice.delta.tool_calls.unwrap_or_default() {
                call += piece.id.as_deref().unwrap_or("");
                if let Some(function) = piece.function {
                    call += function.name.as_deref().unwrap_or("");
                    call += function.arguments.as_deref().unwrap_or("");
                }
            }
        }
    }
    json!({"text": text, "finish": finish, "call": call, "tokens": tokens})
}

async fn whole(client: &Client<OpenAIConfig>, model: &str) -> Value {
    match client.chat().create(request(model, "hello")).await {
        Ok(response) => json!({"text": response.choices[0].message.content}),
        Err(error) => json!({"error": described(error)}),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let config = OpenAIConfig::new().with_api_base(&words[1]).with_api_key("x");
    let client = Client::with_config(config);
    println!(
        "{}",
        json!({
            "hello": streamed(&client, &words[2], "hello").await,
            "tools": streamed(&client, &words[2], "tools").await,
            "broken": streamed(&client, &words[4], "hello").await,
            "plain": whole(&client, &words[2]).await,
            "missing": whole(&client, "no/such").await,
        })
    );
}
