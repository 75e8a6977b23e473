defmodule SampleAppWeb.ErrorJSONTest do
  use SampleAppWeb.ConnCase, async: true

  test "renders 404" do
    assert SampleAppWeb.ErrorJSON.render("404.json", %{}) == %{errors: %{detail: "Not Found"}}
  end
end
