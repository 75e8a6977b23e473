defmodule ChangelogWeb.CoreComponents do
  @moduledoc """
  Buttons, inputs and notices.
  """
  use Phoenix.Component

  import ChangelogWeb.Gettext

  alias Phoenix.LiveView.JS

  attr :flash, :map, default: %{}
  attr :kind, :atom, values: [:info, :error]

  def flash(assigns) do
    ~H"""
    <div
      :if={msg = Phoenix.Flash.get(@flash, @kind)}
      phx-click={JS.push("lv:clear-flash", value: %{key: @kind})}
      role="alert"
      class="rounded-lg p-3 ring-1"
    >
      <p><%= msg %></p>
    </div>
    """
  end

  attr :flash, :map, required: true

  def flash_group(assigns) do
    ~H"""
    <.flash kind={:info} flash={@flash} />
    <.flash kind={:error} flash={@flash} />
    """
  end

  attr :type, :string, default: nil
  attr :rest, :global, include: ~w(disabled form name value)
  slot :inner_block, required: true

  def button(assigns) do
    ~H"""
    <button type={@type} class="button button--small" {@rest}>
      <%= render_slot(@inner_block) %>
    </button>
    """
  end

  attr :seconds, :integer, required: true

  def duration(assigns) do
    ~H"""
    <time><%= div(@seconds, 60) %>:<%= rem(@seconds, 60) %></time>
    """
  end

  def translate_error({msg, opts}) do
    if count = opts[:count] do
      Gettext.dngettext(ChangelogWeb.Gettext, "errors", msg, msg, count, opts)
    else
      Gettext.dgettext(ChangelogWeb.Gettext, "errors", msg, opts)
    end
  end
end
