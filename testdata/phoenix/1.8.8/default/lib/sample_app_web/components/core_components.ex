defmodule SampleAppWeb.CoreComponents do
  @moduledoc """
  Buttons, inputs and notices.
  """
  use Phoenix.Component
  use Gettext, backend: SampleAppWeb.Gettext

  alias Phoenix.LiveView.JS

  attr :flash, :map, default: %{}
  attr :kind, :atom, values: [:info, :error]

  def flash(assigns) do
    ~H"""
    <div
      :if={msg = Phoenix.Flash.get(@flash, @kind)}
      phx-click={JS.push("lv:clear-flash", value: %{key: @kind})}
      role="alert"
      class="alert alert-info"
    >
      <p>{msg}</p>
    </div>
    """
  end

  attr :type, :string, default: nil
  attr :rest, :global, include: ~w(disabled form name value)
  slot :inner_block, required: true

  def button(assigns) do
    ~H"""
    <button type={@type} class="btn btn-primary" {@rest}>
      {render_slot(@inner_block)}
    </button>
    """
  end

  def translate_error({msg, opts}) do
    if count = opts[:count] do
      Gettext.dngettext(SampleAppWeb.Gettext, "errors", msg, msg, count, opts)
    else
      Gettext.dgettext(SampleAppWeb.Gettext, "errors", msg, opts)
    end
  end
end
