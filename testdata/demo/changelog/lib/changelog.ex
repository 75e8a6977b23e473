defmodule Changelog do
  @moduledoc """
  The contexts: what the application is about, whoever asks.
  """
end
